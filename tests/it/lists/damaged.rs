//! However a list is damaged, nobody in it is left out silently.

use cpss_registry::cli::list::columns::{FAMILY_NAME, NUMBER};
use cpss_registry::cli::list::{Columns, List, ListArgs};
use cpss_registry::domain::id::CredentialNumber;
use fastrand::Rng;

const COLUMNS: Columns =
    Columns { known: &[NUMBER, FAMILY_NAME], needs: &[&["number"]], answers: &["verdict"], has_flags: true };

/// A list of invented people, and their numbers.
fn list(random: &mut Rng) -> (String, Vec<String>) {
    let separator = [",", ";", "\t", "|"][random.usize(..4)];
    let end = ["\n", "\r\n", "\r"][random.usize(..3)];
    let mut headings =
        vec![if random.bool() { "credential_number" } else { "Cert #" }, "Last Name", "Notes", "Phone Number", ""];
    headings.truncate(random.usize(1..=headings.len()));
    // The number is not always in the first column.
    let at = random.usize(..headings.len());
    headings.swap(0, at);
    let is_quoted = random.bool();
    let mut text = if random.u8(..4) == 0 { format!("Staff{end}") } else { String::new() };
    let line = |text: &mut String, cells: &[String], keeps: usize| {
        let cell = |cell: &String| if is_quoted && !cell.is_empty() { format!("\"{cell}\"") } else { cell.clone() };
        text.push_str(&cells[..keeps].iter().map(cell).collect::<Vec<_>>().join(separator));
        text.push_str(end);
    };
    let all = headings.len();
    line(&mut text, &headings.iter().map(|heading| (*heading).to_owned()).collect::<Vec<_>>(), all);
    let mut numbers = Vec::new();
    for _ in 0..random.usize(1..8) {
        let number = CredentialNumber::from_number(random.u64(..)).to_string();
        let mut cells: Vec<String> = headings
            .iter()
            .map(|heading| match *heading {
                "Last Name" => ["Doe", "Roe", "Poe"][random.usize(..3)].to_owned(),
                "Notes" => ["", "ok", "6 ft", "x"][random.usize(..4)].to_owned(),
                "Phone Number" => ["", "601 555 0100"][random.usize(..2)].to_owned(),
                _ => String::new(),
            })
            .collect();
        cells[at].clone_from(&number);
        let blank = cells.iter().rev().take_while(|cell| cell.is_empty()).count();
        line(&mut text, &cells, if random.bool() { all } else { all - blank });
        numbers.push(number);
    }
    if random.u8(..4) == 0 {
        text.push_str(&format!("Total: {}{end}", numbers.len()));
    }
    (text, numbers)
}

/// Damages a text in one place.
fn damage(random: &mut Rng, text: &mut String) {
    let mut letters: Vec<char> = text.chars().collect();
    let at = random.usize(..=letters.len());
    let put = ['"', '"', ',', ';', '\t', '|', '\n', '\r', 'x', ' ', '\0', 'ñ', '\u{feff}', '-'][random.usize(..14)];
    let breaks: Vec<usize> = (0..letters.len()).filter(|at| matches!(letters[*at], '\n' | '\r')).collect();
    match random.u8(..8) {
        0 if at < letters.len() => drop(letters.remove(at)),
        1 if at < letters.len() => letters[at] = put,
        2 => letters.truncate(at),
        3 => {
            let word = ["Total", "Sum ", "\"", "count, ", "\n\n", ",,,", "sep=;\n"][random.usize(..7)];
            letters.splice(at..at, word.chars());
        }
        4 if !breaks.is_empty() => drop(letters.remove(breaks[random.usize(..breaks.len())])),
        5 if !breaks.is_empty() => letters[breaks[random.usize(..breaks.len())]] = put,
        6 => {
            let to = random.usize(at..=letters.len());
            let piece: Vec<char> = letters[at..to].to_vec();
            letters.splice(at..at, piece);
        }
        _ => letters.insert(at, put),
    }
    *text = letters.into_iter().collect();
}

/// What is asked about in a list; `None` if nothing is asked.
fn asked(bytes: &[u8]) -> Option<Vec<String>> {
    let list = List::of_bytes(bytes, &COLUMNS, &ListArgs::default()).ok()?;
    let mut asked = Vec::new();
    for row in list.rows() {
        let row = row.ok()?;
        if row.left_out().is_some() {
            continue;
        }
        if !row.faults().is_empty() {
            return None;
        }
        assert!(!row.text("number").is_empty(), "a row without a number is not asked");
        // A name with a number in it matches nobody.
        asked.push(format!("{} {}", row.text("number"), row.text("family_name")));
    }
    assert_eq!(asked.len() as u64, list.size());
    Some(asked)
}

#[test]
fn no_number_of_a_damaged_list_is_left_out_silently() {
    let mut random = Rng::with_seed(7);
    let (mut refused, mut answered, mut silent) = (0, 0, Vec::new());
    for round in 0..1500 {
        let (mut text, numbers) = list(&mut random);
        assert_eq!(asked(text.as_bytes()).map(|asked| asked.len()), Some(numbers.len()), "a whole list:\n{text}");
        for _ in 0..random.usize(1..4) {
            damage(&mut random, &mut text);
        }
        let bytes: Vec<u8> = match random.u8(..4) {
            0 => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            1 => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            _ => text.clone().into_bytes(),
        };
        let Some(asked) = asked(&bytes) else {
            refused += 1;
            continue;
        };
        answered += 1;
        let is_asked = |number: &&String| asked.iter().any(|asked| asked.contains(number.as_str()));
        let left_out = numbers.iter().filter(|number| text.contains(number.as_str()) && !is_asked(number));
        silent.extend(left_out.map(|number| format!("round {round}: {number}: {text:?}: {asked:?}")));
    }
    silent.truncate(20);
    assert!(silent.is_empty(), "in the list, and nobody asked about it:\n{}", silent.join("\n"));
    assert!(refused > 100 && answered > 100, "{refused} refused, {answered} answered");
}
