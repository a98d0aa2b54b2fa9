// Report: a start or an end of a job.

export function prepare() {}

export function clear() {}

export function forget() {}
