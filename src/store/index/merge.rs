//! Merges two sources of entries: newer entries take precedence over older ones.

use std::mem;
use std::ops::ControlFlow;

use super::Writes;
use super::error::IndexError;
use super::read::{CONTINUE, ScanResult, Visit};

/// From this ratio on, the fewer entries are inserted into the others one by one. Below it, all are merged in one pass.
const MIN_RATIO: usize = 8;

/// Adds newer entries to others.
pub(super) fn merge_into(writes: &mut Writes, mut newer: Writes) {
    if newer.len() < writes.len() / MIN_RATIO {
        writes.extend(newer);
    } else if writes.len() < newer.len() / MIN_RATIO {
        for (key, value) in mem::replace(writes, newer) {
            writes.entry(key).or_insert(value);
        }
    } else {
        writes.append(&mut newer);
    }
}

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
