// What was asked last in a place: an answer that comes after something else was asked for there is not shown.

const turns = new WeakMap();

// Notes that something is asked in a place. Returns a function that says whether it is still what was asked last.
export function begin(place) {
  const turn = {};
  turns.set(place, turn);
  return () => turns.get(place) === turn;
}

// Nothing that was asked in a place is waited for any more.
export function end(place) {
  turns.delete(place);
}
