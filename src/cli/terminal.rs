//! The terminal that the output goes to.

use std::io::IsTerminal as _;

use rustix::termios::tcgetwinsize;

/// The width of the terminal. `None`: the output goes elsewhere, and its lines may have any length.
pub fn width() -> Option<usize> {
    let out = std::io::stdout();
    let size = out.is_terminal().then(|| tcgetwinsize(&out).ok())??;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// The width of a table. Elsewhere than on a terminal it is one that can be read and printed.
pub fn table_width() -> usize {
    width().unwrap_or(120)
}
