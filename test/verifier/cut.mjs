/**
 * Of the second verifier: the cut of a window into units (kernels/partition.ts, rules.ts), and how many leaves each has. Of a
 * class the rules see k fixed bits, c odd steps, the parity of the evens since the last one (-1 before it), and rule O's run;
 * r and m = T^k(r) tell it apart.
 */
export function cutOf({ map, bits, units, leaves }) {
  const [a, b] = { '3n+1': [3n, 1n], '3n-1': [3n, -1n], '5n+1': [5n, 1n] }[map]
  const proved = map === '3n+1' // of rules M and O
  const least = [] // least[k]: the least c with a^c >= 2^k
  for (let k = 0, c = 0; k <= bits; least[k++] = c) while (a ** BigInt(c) < 2n ** BigInt(k)) c++
  const next = ({ k, c, evens, run }, odd) => {
    const D = c < least[k + 1]
    if (odd) return { k: k + 1, c: c + 1, evens: 0, run: !proved ? 0 : run % 2 === 1 ? run : D ? 1 : 3 }
    if (D || run === 2 || (proved && evens === 1 && c - 1 < least[k])) return null // D, O, M
    return { k: k + 1, c, evens: evens < 0 ? -1 : 1 - evens, run: run === 1 ? 2 : 0 }
  }
  const known = new Map()
  const survivors = (state, depth) => {
    if (state === null || state.k >= depth) return state ? 1n : 0n
    const name = `${depth} ${Object.values(state)}`
    if (!known.has(name)) known.set(name, survivors(next(state, true), depth) + survivors(next(state, false), depth))
    return known.get(name)
  }
  const weigh = (state, r, m) => ({ state, r, m, weight: survivors(state, bits) })
  const [whole, open] = [[], [weigh({ k: 0, c: 0, evens: -1, run: 0 }, 0n, 0n)]]
  while (open.length > 0 && whole.length + open.length < units) {
    open.sort((x, y) => Number(x.weight - y.weight) || y.state.k - x.state.k || Number(y.r - x.r))
    const { state, r, m } = open.pop()
    for (const high of [0n, 1n]) {
      const image = m + high * a ** BigInt(state.c)
      const half = next(state, image % 2n === 1n)
      const to = image % 2n === 1n ? (a * image + b) / 2n : image / 2n
      if (half) (half.k < bits - 8 ? open : whole).push(weigh(half, r + high * 2n ** BigInt(state.k), to))
    }
  }
  const path = ({ r }) => [...r.toString(2).padStart(bits, '0')].reverse().join('')
  const classes = [...whole, ...open].sort((x, y) => (path(x) < path(y) ? -1 : 1))
  // A unit is split in the same way; each split adds a class or none, until there are enough or 8 bits are open everywhere.
  return classes.map(({ state, r }) => ({ r, leaves: Math.min(leaves, Number(survivors(state, bits - 8))) }))
}
