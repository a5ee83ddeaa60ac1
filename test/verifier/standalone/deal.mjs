/**
 * The deal: from a sealed draw and the beacon round that came after it to the seats of each unit. Written from the
 * prose of orbit/rules/deal/deal.ts alone.
 */
import { sha, uint } from './basics.mjs'

/** Numbers below n from 32-bit words of a stream of hashes; words that would favour some are dropped. */
function stream(seed) {
  let [blocks, words] = [0, []]
  return (n) => {
    for (;;) {
      if (words.length === 0) {
        const block = sha(seed, uint(blocks++, 8))
        words = Array.from({ length: 8 }, (_, i) => block.readUInt32BE(4 * i))
      }
      const word = words.shift()
      if (word < 2 ** 32 - (2 ** 32 % n)) return word % n
    }
  }
}

/** Of tickets in a ring: from an index on, the first of each account. */
function ring(tickets, roster) {
  const [places, size] = [new Map(roster.map(({ account }) => [account, []])), tickets.length]
  for (const [place, index] of tickets.entries()) places.get(roster[index].account).push(place)
  return (start) => {
    const next = [...places.values()].flatMap((list) => {
      let [low, high] = [0, list.length]
      while (low < high) {
        const middle = (low + high) >> 1
        if (list[middle] < start) low = middle + 1
        else high = middle
      }
      return list.length === 0 ? [] : (list[low] ?? list[0] + size)
    })
    return next.sort((a, b) => a - b).map((place) => tickets[place % size])
  }
}

/**
 * @param roster [{ node, account, capacity }] by node, ascending
 * @returns { quorums, reserveOf(unit) }: lists of indices into the roster
 */
export function deal({ networkId, epoch, randomness, roster, units, replication }) {
  const below = stream(sha('collatz/deal/1\0', `${networkId}\0`, uint(epoch, 8), randomness))
  const deck = roster.flatMap(({ capacity }, index) => Array(capacity).fill(index))
  for (let i = deck.length - 1; i > 0; i--) {
    const j = below(i + 1)
    ;[deck[i], deck[j]] = [deck[j], deck[i]]
  }
  // Places passed over, by account: those of at most N - 1 accounts, which all take a seat in the next unit.
  const [waiting, dealt, quorums] = [new Map(), new Set(), []]
  let top = 0
  while (quorums.length < units) {
    const seats = new Map([...waiting].map(([account, places]) => [account, places[0]]))
    const first = [...seats.keys()]
    for (; seats.size < replication && top < deck.length; top++) {
      const { account } = roster[deck[top]]
      if (!seats.has(account)) seats.set(account, top)
      else if (waiting.get(account)?.push(top) === undefined) waiting.set(account, [top])
    }
    if (seats.size < replication) break
    for (const account of first) {
      if (waiting.get(account).length === 1) waiting.delete(account)
      else waiting.get(account).shift()
    }
    const places = [...seats.values()].sort((a, b) => a - b)
    for (const place of places) dealt.add(place)
    quorums.push(places.map((place) => deck[place]))
  }
  const [left, taken] = [deck.filter((_, place) => !dealt.has(place)), quorums.flat()]
  const [spare, others] = [ring(left, roster), ring(taken, roster)]
  const reserveOf = (unit) => {
    const seen = new Set(quorums[unit].map((index) => roster[index].account))
    const from = [Math.floor((unit * left.length) / quorums.length), ((unit + 1) * replication) % taken.length]
    const isNew = (index) => seen.size < seen.add(roster[index].account).size
    return [...spare(from[0]), ...others(from[1])].filter(isNew)
  }
  return { quorums, reserveOf }
}
