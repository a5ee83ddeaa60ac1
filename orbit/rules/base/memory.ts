/**
 * What was computed once and need not be again: signatures found right, documents opened, deals
 * dealt, units settled.
 *
 * Rules are pure functions, and no rules file keeps anything by itself: a caller that asks again
 * and again hands a memory in (a node has one for as long as it runs). A memory changes no result,
 * only how long it takes; without one a rule begins with an empty one. What is remembered by an
 * object is forgotten with that object, which nobody changes.
 */

export interface Memory {
  /**
   * The one table of this memory that `make` makes. A rules file names its table by a function that
   * makes it empty.
   */
  table<Table extends object>(make: () => Table): Table
}

export function createMemory(): Memory {
  const tables = new Map<() => object, object>()
  return {
    table<Table extends object>(make: () => Table): Table {
      const known = tables.get(make)
      if (known) return known as Table
      const made = make()
      tables.set(make, made)
      return made
    },
  }
}
