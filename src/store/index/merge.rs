//! Merges two sources of entries: newer entries take precedence over older ones.

use std::ops::ControlFlow;

use super::error::IndexError;
use super::read::{CONTINUE, ScanResult, Visit};

/// Visits the entries of both sources in key order. If both contain a key, `top` wins. An empty value in `top` removes
/// the key.
pub(super) fn merge_over<K: AsRef<[u8]>, V: AsRef<[u8]>>(
    top: impl Iterator<Item = Result<(K, V), IndexError>>,
    below: &mut dyn FnMut(&mut Visit<'_>) -> ScanResult,
    visit: &mut Visit<'_>,
) -> ScanResult {
    merge_all(top, below, &mut |key, value| if value.is_empty() { CONTINUE } else { visit(key, value) })
}

/// Like [`merge_over`], but also visits the removed keys, with empty values.
pub(super) fn merge_all<K: AsRef<[u8]>, V: AsRef<[u8]>>(
    top: impl Iterator<Item = Result<(K, V), IndexError>>,
    below: &mut dyn FnMut(&mut Visit<'_>) -> ScanResult,
    visit: &mut Visit<'_>,
) -> ScanResult {
    let mut top = top.peekable();
    let ended = below(&mut |key, value| {
        while let Some(ours) = top.next_if(|ours| ours.as_ref().map_or(true, |(ours, _)| ours.as_ref() <= key)) {
            let (ours, newer) = ours?;
            let flow = visit(ours.as_ref(), newer.as_ref())?;
            if flow.is_break() || ours.as_ref() == key {
                return Ok(flow);
            }
        }
        visit(key, value)
    })?;
    if ended.is_break() {
        return Ok(ended);
    }
    for ours in top {
        let (key, value) = ours?;
        if visit(key.as_ref(), value.as_ref())?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    CONTINUE
}
