//! Invisible characters in a text.

/// Whether a character is invisible or changes the order in which others are displayed: control characters,
/// bidirectional overrides, embeddings and isolates, and zero-width characters. The two joiners are allowed, because
/// some scripts need them.
pub fn is_hidden(character: char) -> bool {
    let turns = matches!(character, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    character.is_control() || turns || matches!(character, '\u{200B}' | '\u{2060}' | '\u{FEFF}')
}
