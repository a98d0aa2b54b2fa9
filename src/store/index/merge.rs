//! Two sources of entries read as one: newer entries laid over older ones.

use std::ops::ControlFlow;

use super::error::IndexError;
use super::read::{GoOn, MORE, Visit};

/// Visits what is on top and what is below it in one order. What is on top counts; where it is empty, nothing is there.
pub(super) fn laid_over<K: AsRef<[u8]>, V: AsRef<[u8]>>(
    top: impl Iterator<Item = Result<(K, V), IndexError>>,
    below: &mut dyn FnMut(&mut Visit<'_>) -> GoOn,
    visit: &mut Visit<'_>,
) -> GoOn {
    let mut top = top.peekable();
    let tell =
        |key: &[u8], value: &[u8], visit: &mut Visit<'_>| if value.is_empty() { MORE } else { visit(key, value) };
    let ended = below(&mut |key, value| {
        while let Some(ours) = top.next_if(|ours| ours.as_ref().map_or(true, |(ours, _)| ours.as_ref() <= key)) {
            let (ours, newer) = ours?;
            let goes_on = tell(ours.as_ref(), newer.as_ref(), visit)?;
            if goes_on.is_break() || ours.as_ref() == key {
                return Ok(goes_on);
            }
        }
        visit(key, value)
    })?;
    if ended.is_break() {
        return Ok(ended);
    }
    for ours in top {
        let (key, value) = ours?;
        if tell(key.as_ref(), value.as_ref(), visit)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    MORE
}
