// Roster: every row of a list, with its verdict.

export function prepare() {}

export function clear() {}

export function forget() {}
