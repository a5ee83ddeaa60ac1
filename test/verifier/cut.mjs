/**
 * The cut of a window into units and of a unit into leaves, for 3n+1, written a second time from the descriptions at the top
 * of kernels/partition.ts and kernels/rules.ts. A class is { k bits fixed, r, its image, c odd steps, evens, run }.
 */
export const EVERYTHING = { k: 0, r: 0n, image: 0n, c: 0, evens: -1, run: 0 }

const minOdds = (k) => {
  let c = 0
  while (3n ** BigInt(c) < 1n << BigInt(k)) c++
  return c
}
const least = Array.from({ length: 80 }, (_, k) => minOdds(k))
const dropped = ({ k, c, evens, run }) =>
  c < least[k + 1] || (evens >= 1 && evens % 2 === 1 && c - 1 < least[k]) || run === 2
const oddRun = ({ k, c, run }) => (run === 1 || run === 3 ? run : c < least[k + 1] ? 1 : 3)
function halves(s) {
  const other = { r: s.r + (1n << BigInt(s.k)), image: s.image + 3n ** BigInt(s.c) }
  return [s, other].flatMap(({ r, image }) => {
    const k = s.k + 1
    if (image % 2n === 1n) return [{ k, r, image: (3n * image + 1n) / 2n, c: s.c + 1, evens: 0, run: oddRun(s) }]
    if (dropped(s)) return []
    return [{ k, r, image: image / 2n, c: s.c, evens: s.evens < 0 ? -1 : s.evens + 1, run: s.run === 1 ? 2 : 0 }]
  })
}
/** @returns what splits a class into at least so many, costliest first */
export function cutter(bits) {
  const counts = new Map()
  const weight = ({ k, c, evens, run }) => {
    if (k >= bits) return 1n
    const e = evens < 0 ? -1 : evens % 2
    const id = `${k} ${c} ${e} ${run}`
    if (!counts.has(id)) {
      const odd = weight({ k: k + 1, c: c + 1, evens: 0, run: oddRun({ k, c, run }) })
      const even = { k: k + 1, c, evens: e < 0 ? -1 : e + 1, run: run === 1 ? 2 : 0 }
      counts.set(id, odd + (dropped({ k, c, evens: e, run }) ? 0n : weight(even)))
    }
    return counts.get(id)
  }
  const first = (a, b) => (a.w !== b.w ? a.w > b.w : a.k !== b.k ? a.k < b.k : a.r < b.r)
  return (top, wanted) => {
    const open = [{ ...top, w: weight(top) }]
    const whole = []
    while (open.length + whole.length < wanted && open.length > 0) {
      const at = open.reduce((best, s, i) => (first(s, open[best]) ? i : best), 0)
      const [next] = open.splice(at, 1)
      for (const half of halves(next)) (half.k < bits - 8 ? open : whole).push({ ...half, w: weight(half) })
    }
    const order = (s) => [...s.r.toString(2).padStart(80, '0')].reverse().join('')
    return [...whole, ...open].sort((a, b) => (order(a) < order(b) ? -1 : 1))
  }
}
