/** Smaller inputs that fail in the same way. */

/** A text that fails and of which no character can be left out; parts of a text that fails are left out as long as it does. */
export function shrink(text: string, fails: (text: string) => boolean): string {
  let smallest = text;
  for (let size = smallest.length >> 1 || 1; size > 0; ) {
    const before = smallest.length;
    for (let at = 0; at < smallest.length; ) {
      const candidate = smallest.slice(0, at) + smallest.slice(at + size);
      if (fails(candidate)) smallest = candidate;
      else at += size;
    }
    // What was needed before may not be any more.
    if (size > 1 || smallest.length === before) size >>= 1;
  }
  return smallest;
}
