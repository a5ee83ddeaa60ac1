/**
 * Time and memory of the deal for large rosters: `bun test/bench/deal.ts`. On one core of a 2-core virtual machine: 0.2 s
 * and 25 to 80 MiB, of which the deck and the marks are 3 MiB and the rest is the arrays of the quorums.
 */
import { deal } from '../../orbit/rules/deal/deal.ts'

const hex = (n: number) => n.toString(16).padStart(64, '0')
const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`
const rosters: Record<string, (i: number) => number> = {
  'one node an account': (i) => i,
  'ten nodes an account': (i) => Math.floor(i / 10),
  'half of the tickets with one account': (i) => (i % 2 ? 0 : i),
}
for (const [name, account] of Object.entries(rosters)) {
  const roster = Array.from({ length: 100_000 }, (_, i) => ({ node: hex(i), account: hex(account(i)), capacity: 3 }))
  Bun.gc(true)
  const before = process.memoryUsage().rss
  const started = performance.now()
  const input = { networkId: 'bafyreibench', epoch: 1, randomness: new Uint8Array(32), roster, replication: 3 }
  const dealt = deal({ ...input, units: 100_000 })
  const seconds = (performance.now() - started) / 1000
  const grown = mebibytes(process.memoryUsage().rss - before)
  const reserveStarted = performance.now()
  for (let unit = 0; unit < 1000; unit++) dealt.reserve(unit).next()
  const reserve = (performance.now() - reserveStarted) / 1000
  console.log(
    `${name}: 100,000 nodes, 300,000 tickets: ${dealt.quorums.length} units dealt in ${seconds.toFixed(2)} s, ` +
      `memory grew by ${grown}; first of a reserve in ${reserve.toFixed(3)} ms`,
  )
}
