// Registrar's desk: people, acts, reviews, applications and statistics.

export function prepare() {}

export function clear() {}

export function forget() {}
