//! Characters of a text that a reader does not see.

/// Whether a character is not shown, or changes the order in which others are: control characters, bidirectional
/// overrides, embeddings and isolates, and what has no width. The two joiners are not among them: some scripts spell
/// with them.
pub fn is_hidden(character: char) -> bool {
    let turns = matches!(character, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    character.is_control() || turns || matches!(character, '\u{200B}' | '\u{2060}' | '\u{FEFF}')
}
