/**
 * What every node checks for itself, again and again, with libraries in plain JavaScript: `bun test/bench/checks.ts`.
 * Medians of 21. A registration puzzle is checked at the dearest price that a genesis may state; it must stay under 50 ms.
 */
import { localChain, localSecret, signRound, verifyRound } from '../../orbit/rules/network/beacon.ts'
import { priceOf, verifyPuzzle } from '../../orbit/rules/network/puzzle.ts'

function median(action: () => void): string {
  const times = Array.from({ length: 21 }, () => {
    const started = performance.now()
    action()
    return performance.now() - started
  }).sort((a, b) => a - b)
  return `${times[10]!.toFixed(1)} ms (fastest ${times[0]!.toFixed(1)} ms)`
}

// Each round once: verifyRound() remembers.
const secret = localSecret(new Uint8Array(48).fill(1))
const chain = localChain(secret, 0, 1)
const signatures = Array.from({ length: 21 }, (_, i) => signRound(secret, i + 1))
let round = 0
console.log(`a beacon round: ${median(() => verifyRound(chain, ++round, signatures[round - 1]!))}`)

// Any nonce costs the same; with one try allowed every nonce solves it.
const price = { ...priceOf(0), tries: 1 }
const input = { networkId: 'bafyreibench', account: 'ab'.repeat(32), round: 1000, randomness: new Uint8Array(32) }
let nonce = 0
console.log(`a registration puzzle: ${median(() => verifyPuzzle(price, input, nonce++))}`)
