/**
 * The deal, written a second time from the description at the top of orbit/rules/deal/deal.ts, slowly and literally, and
 * sharing no line with it: only the hash is borrowed. Where the two differ, one of them or the description is wrong.
 */
import { createHash } from 'node:crypto'

const digest = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest()

function bigEndian64(value) {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}

function* words(seed) {
  for (let i = 0n; ; i++) {
    const block = digest(seed, bigEndian64(i))
    for (let offset = 0; offset < 32; offset += 4) yield BigInt(block.readUInt32BE(offset))
  }
}

function below(stream, n) {
  const modulus = BigInt(n)
  for (;;) {
    const word = stream.next().value
    if (word < (1n << 32n) - ((1n << 32n) % modulus)) return Number(word % modulus)
  }
}

function makeDeck({ networkId, epoch, randomness, roster }) {
  const seed = digest('collatz/deal/1', '\0', networkId, '\0', bigEndian64(epoch), randomness)
  const stream = words(seed)
  const deck = roster.flatMap((entry, index) => Array(entry.capacity).fill(index))
  for (let i = deck.length - 1; i >= 1; i--) {
    const j = below(stream, i + 1)
    ;[deck[i], deck[j]] = [deck[j], deck[i]]
  }
  return deck
}

/** Returns { quorums, reserves }: for each dealt unit the list of roster indices. */
export function dealAgain(input) {
  const { roster, units, replication } = input
  const account = (ticket) => roster[ticket].account
  let rest = makeDeck(input)
  const quorums = []

  while (quorums.length < units) {
    const taken = []
    const left = []
    for (const ticket of rest) {
      const free = taken.length < replication && !taken.some((other) => account(other) === account(ticket))
      ;(free ? taken : left).push(ticket)
    }
    if (taken.length < replication) break
    quorums.push(taken)
    rest = left
  }

  const dealt = quorums.flat()
  const rotated = (list, start) => [...list.slice(start), ...list.slice(0, start)]
  const reserves = quorums.map((quorum, u) => {
    const spare = rotated(rest, Number((BigInt(u) * BigInt(rest.length)) / BigInt(quorums.length)))
    const others = rotated(dealt, ((u + 1) * replication) % dealt.length)
    const seen = new Set(quorum.map(account))
    const reserve = []
    for (const ticket of [...spare, ...others]) {
      if (seen.has(account(ticket))) continue
      seen.add(account(ticket))
      reserve.push(ticket)
    }
    return reserve
  })
  return { quorums, reserves }
}
