/**
 * The deal: which nodes compute which units, from a sealed draw and the beacon round that came
 * after it.
 *
 * Everyone computes this alone and must get the same, so here is all of it; only whole numbers
 * below 2^48 occur.
 *
 * Stream.   seed = SHA-256( utf8("collatz/deal/1") || 0x00 || utf8(networkId) || 0x00 || epoch ||
 *           randomness ) where networkId is the genesis' CID as text, epoch is 8 bytes big endian,
 *           randomness is the 32 bytes of R(epoch). Block i = 0, 1, 2, ... is SHA-256( seed || i as
 *           8 bytes big endian ). Each block gives eight words of 32 bits, big endian, in order.
 * below(n). Take the next word w. If w >= 2^32 - (2^32 mod n), drop it and take the next. The
 * result is w mod n: each
 *           of 0 .. n-1 is equally likely.
 * Deck.     The roster is sorted by node key (64 lower-case hex digits), strictly ascending. A
 *           ticket is an index into it. Begin with the tickets in roster order, each node as often
 *           as its capacity: T tickets, at places 0 .. T-1. For i = T-1 down to 1: j = below(i +
 *           1), swap the tickets at places i and j (Fisher-Yates).
 * Quorums.  Units are dealt in the order of the draw. For each, walk the deck from place 0 over the
 *           tickets that no unit has yet; take a ticket if its account has no seat in this unit,
 *           else leave it where it is for the next unit; stop at N tickets. They are the unit's
 *           quorum, in that order. If the deck ends before N are found, the tickets of this unit go
 *           back, and neither it nor any later unit is dealt.
 * Reserve.  Let U be the units that were dealt, L the tickets left over, in the order of the deck,
 *           l of them, and D the dealt tickets, unit after unit, in the order taken. The reserve of
 *           unit u walks all of L from index floor(u * l / U) on, wrapping round, and then all of D
 *           from index (u + 1) * N on, wrapping round. It names the node of each ticket whose
 *           account is neither in the quorum nor named before. So spare capacity comes first,
 *           escalations are spread over everybody, and as long as any other account is on the
 *           roster there is somebody to take over.
 *
 * Fairness. The rule never looks at who an account is: any two accounts with the same number of
 * tickets can be swapped without changing a probability, so with equal tickets every set of N
 * accounts is equally likely for every unit. A ticket that an account can't use in a unit stays at
 * the front for the next one, so an account with several nodes loses no share to the rule that it
 * sits once in a unit, and gains none: until the deck runs out its seats follow its tickets, up to
 * one a unit. The order of seats inside a quorum means nothing.
 *
 * Cost: T swaps, T/8 hashes and one pass. Only the seated accounts of a unit can have tickets
 * passed over, and all that do take a seat in the next unit, so at most N-1 accounts ever have
 * tickets waiting, however unequal the roster.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { u64 } from '../base/bytes.ts'
import { RuleError } from '../base/statement.ts'

/** Tickets and units a deal takes at most: products of the two stay far below 2^53. */
export const MAX_DEAL = 2 ** 24

export interface DealInput {
  /** CID of the genesis, as text. */
  readonly networkId: string
  readonly epoch: number
  /** 32 bytes: the randomness of R(epoch). */
  readonly randomness: Uint8Array
  /**
   * Sorted by node, strictly ascending. Keys are 64 lower-case hex digits, capacities are 1 or
   * more.
   */
  readonly roster: readonly { readonly node: string; readonly account: string; readonly capacity: number }[]
  /** How many units are on offer. What they are makes no difference, only their order. */
  readonly units: number
  /** N: accounts a unit. 1 or more. */
  readonly replication: number
}

export interface Deal {
  /**
   * For each dealt unit, in order, the roster indices of its N nodes. Shorter than `units` if the
   * tickets ran out.
   */
  readonly quorums: readonly (readonly number[])[]
  /**
   * Who takes over, in order: roster indices of distinct accounts, none of the quorum's. Nobody for
   * an undealt unit.
   */
  reserve(unit: number): Generator<number, void>
}

/** An account's tickets that were passed over: places in the deck, ascending, from `next` on. */
interface Pile {
  readonly account: number
  readonly places: number[]
  next: number
}

/** @throws {RuleError} when the roster is not sorted, or a number is out of its range */
export function deal(input: DealInput): Deal {
  check(input)
  const { roster, units, replication } = input
  const deck = shuffledDeck(input)
  const accountOf = accountNumbers(roster)
  const dealt = new Uint8Array(deck.length)
  const seatedIn = new Int32Array(roster.length).fill(-1)
  const quorums: number[][] = []
  let piles: Pile[] = []
  let top = 0

  for (let unit = 0; unit < units; unit++) {
    const seats: number[] = []
    for (const pile of piles) {
      seats.push(pile.places[pile.next]!)
      seatedIn[pile.account] = unit
    }
    for (; seats.length < replication && top < deck.length; top++) {
      const account = accountOf[deck[top]!]!
      if (seatedIn[account] !== unit) {
        seatedIn[account] = unit
        seats.push(top)
        continue
      }
      const pile = piles.find((p) => p.account === account)
      if (pile) pile.places.push(top)
      else piles.push({ account, places: [top], next: -1 })
    }
    if (seats.length < replication) break
    for (const pile of piles) pile.next++
    piles = piles.filter((pile) => pile.next < pile.places.length)
    piles.sort((a, b) => a.places[a.next]! - b.places[b.next]!)
    for (const place of seats) dealt[place] = 1
    quorums.push(seats.map((place) => deck[place]!))
  }
  const rest = deck.filter((_, place) => dealt[place] === 0)
  return { quorums, reserve: (unit) => reserveOf(unit, quorums, rest, accountOf) }
}

function* reserveOf(
  unit: number,
  quorums: readonly (readonly number[])[],
  rest: Uint32Array,
  accountOf: Uint32Array,
): Generator<number, void> {
  const quorum = quorums[unit]
  if (!quorum) return
  const named = new Set(quorum.map((index) => accountOf[index]!))
  const isNew = (index: number) => named.size < named.add(accountOf[index]!).size

  const start = Math.floor((unit * rest.length) / quorums.length)
  for (let i = 0; i < rest.length; i++) {
    const index = rest[(start + i) % rest.length]!
    if (isNew(index)) yield index
  }
  for (let i = 1; i < quorums.length; i++) {
    for (const index of quorums[(unit + i) % quorums.length]!) {
      if (isNew(index)) yield index
    }
  }
}

function shuffledDeck({ networkId, epoch, randomness, roster }: DealInput): Uint32Array {
  const deck = new Uint32Array(roster.reduce((sum, entry) => sum + entry.capacity, 0))
  let place = 0
  for (let index = 0; index < roster.length; index++) {
    deck.fill(index, place, place + roster[index]!.capacity)
    place += roster[index]!.capacity
  }
  const below = uniform(
    sha256(concatBytes(utf8ToBytes('collatz/deal/1\0'), utf8ToBytes(`${networkId}\0`), u64(epoch), randomness)),
  )
  for (let i = deck.length - 1; i > 0; i--) {
    const j = below(i + 1)
    const ticket = deck[i]!
    deck[i] = deck[j]!
    deck[j] = ticket
  }
  return deck
}

function uniform(seed: Uint8Array): (n: number) => number {
  const message = concatBytes(seed, u64(0))
  const counter = new DataView(message.buffer, message.byteOffset + seed.length)
  let blocks = 0
  let block = new DataView(new ArrayBuffer(0))
  let at = 0
  return (n) => {
    const limit = 2 ** 32 - (2 ** 32 % n)
    for (;;) {
      if (at === block.byteLength) {
        counter.setBigUint64(0, BigInt(blocks++))
        const digest = sha256(message)
        block = new DataView(digest.buffer, digest.byteOffset, digest.length)
        at = 0
      }
      const word = block.getUint32(at)
      at += 4
      if (word < limit) return word % n
    }
  }
}

/** Numbers the accounts in the order in which the roster first names them. */
function accountNumbers(roster: DealInput['roster']): Uint32Array {
  const numbers = new Map<string, number>()
  return Uint32Array.from(roster, ({ account }) => {
    const known = numbers.get(account)
    if (known !== undefined) return known
    numbers.set(account, numbers.size)
    return numbers.size - 1
  })
}

function check({ epoch, randomness, roster, units, replication }: DealInput): void {
  if (!Number.isSafeInteger(epoch) || epoch < 0) throw new RuleError(`a deal for epoch ${epoch}: not a whole number`)
  if (randomness.length !== 32) throw new RuleError(`a deal with ${randomness.length} bytes of randomness, not 32`)
  if (!Number.isSafeInteger(units) || units < 0 || units > MAX_DEAL) {
    throw new RuleError(`a deal of ${units} units: it must be 0 to ${MAX_DEAL}`)
  }
  if (!Number.isSafeInteger(replication) || replication < 1) {
    throw new RuleError(`a deal to ${replication} accounts a unit: it must be 1 or more`)
  }
  let tickets = 0
  roster.forEach(({ node, capacity }, i) => {
    if (i > 0 && roster[i - 1]!.node >= node) throw new RuleError(`a roster that is not sorted at node ${node}`)
    if (!Number.isSafeInteger(capacity) || capacity < 1) {
      throw new RuleError(`a roster with capacity ${capacity} for node ${node}: it must be 1 or more`)
    }
    tickets += capacity
  })
  if (tickets > MAX_DEAL) throw new RuleError(`a roster of ${tickets} tickets: a deal takes ${MAX_DEAL}`)
}
