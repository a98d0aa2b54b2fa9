//! Which standbys a commit waits for, as the setting `synchronous_standby_names` says.

use super::connect_error::Refusal;

/// Refuses a list with which a commit need not wait for a standby that may be promoted.
pub(super) fn require(list: &str) -> Result<(), Refusal> {
    let list = list.trim();
    if list.is_empty() {
        Err(Refusal::NoStandby)
    } else if begins_with_any(list) {
        Err(Refusal::AnyStandby)
    } else if has_wildcard(list) {
        Err(Refusal::EveryName)
    } else {
        Ok(())
    }
}

fn begins_with_any(list: &str) -> bool {
    let rest = |word: &str| word.eq_ignore_ascii_case("any").then(|| list.get(3..)).flatten();
    list.get(..3)
        .and_then(rest)
        .is_some_and(|rest| rest.starts_with([' ', '\t', '(']) || rest.starts_with(char::is_numeric))
}

/// True if `*` is one of the names. The server takes it for every name also in quotes.
fn has_wildcard(list: &str) -> bool {
    let mut is_quoted = false;
    let separates = |c: char| {
        is_quoted ^= c == '"';
        !is_quoted && (c.is_whitespace() || matches!(c, ',' | '(' | ')'))
    };
    list.split(separates).any(|name| matches!(name, "*" | "\"*\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_must_wait_for_named_standbys() {
        for list in
            ["a", "a, b", "FIRST 1 (a, b)", "2(a,b)", "anywhere", "\"a*\"", "\"a, *\"", "\"a \"\"*\"\" b\"", "any"]
        {
            assert!(require(list).is_ok(), "{list}");
        }
        for list in ["", " "] {
            assert!(matches!(require(list), Err(Refusal::NoStandby)), "{list}");
        }
        for list in ["ANY 1 (a, b)", "any 1(a)", "ANY 1 (*)", "any\t1 (a)"] {
            assert!(matches!(require(list), Err(Refusal::AnyStandby)), "{list}");
        }
        for list in ["*", " * ", "\"*\"", "a, *", "a,*", "FIRST 1 (*)", "first 1(*)", "1 (*)", "1(a,\"*\")"] {
            assert!(matches!(require(list), Err(Refusal::EveryName)), "{list}");
        }
    }
}
