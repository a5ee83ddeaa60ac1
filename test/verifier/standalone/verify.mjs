#!/usr/bin/env node
/**
 * A second verifier of certificates: `node verify.mjs FILE`. It was written from the prose of the rules and shares no
 * code with the program that writes certificates; codecs, curves and hashes are borrowed. Exit codes: 0 it holds, 1 it
 * does not, 2 it could not be read, 5 it holds and proves nothing.
 */
import { readFileSync, realpathSync, statSync } from 'node:fs'
import { LEAST_HARD, MOST_BYTES, verify } from './certificate.mjs'
import { mostSkipped, pooled } from './numbers.mjs'

const plural = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`
const listed = (units) => `${units.slice(0, 10).join(', ')}${units.length > 10 ? ', ...' : ''}`

/** What the file shows, in three parts, and what it does not show. */
function report({ genesis, window, isWhole, units, count, checksum, registrations, draws }) {
  const results = units.flatMap((unit) => unit.results)
  const sums = results.map(({ tallies }) => pooled(tallies))
  const items = pooled(sums).count
  const skipped = mostSkipped(sums.reduce((a, b) => (b.count < a.count ? b : a)))
  const peaks = units.filter(({ hasLeaves }) => hasLeaves).length
  const { map, bits } = genesis.partition
  const signers = new Set(results.map(({ account }) => account))
  const names = registrations.filter(({ account }) => signers.has(account)).map(({ name, account }) => [account, name])
  const people = [...new Map(names)].map(([account, name]) => `  ${account.slice(0, 16)} ${JSON.stringify(name)}`)
  const unitsWhere = (is) => units.filter((unit) => unit[is]).map(({ unit }) => unit)
  const [contested, silent] = [unitsWhere('isContested'), unitsWhere('isSilent')]
  const rosters = draws.map(({ accounts }) => new Set(accounts.values()).size).sort((a, b) => a - b)
  const many = rosters[0] === rosters.at(-1) ? rosters[0] : `${rosters[0]} to ${rosters.at(-1)}`
  return [
    `Network ${genesis.id} (${JSON.stringify(genesis.name)})`,
    `About ${isWhole ? 'all' : 'some'} numbers of [${window} * 2^${bits}, ${window + 1n} * 2^${bits}) under ${map}`,
    `  ${plural(units.length, 'unit')}, ${count} hard numbers, checksum ${checksum}`,
    'What arithmetic shows',
    `  ${plural(items, 'item')} of evidence in ${plural(results.length, 'result')}: each is sound, computed anew.`,
    `  Whoever skipped ${skipped / 10} % of a unit at random would have been caught, but for once in a million.`,
    `  The peak of each leaf of ${plural(peaks, 'unit')} is a hard number; the count of each unit is as theory has it.`,
    '  No leaf was computed anew here: count and checksum of a leaf are what the signers say.',
    'What signatures say',
    `  ${plural(signers.size, 'account')} signed results, of ${many} on the roster:`,
    ...people,
    `  ${plural(draws.length, 'draw')}: more than half of a roster say that they had it before its beacon round.`,
    'Who ran the beacon',
    genesis.beacon.source === 'drand'
      ? "  drand's quicknet, the League of Entropy: nobody could choose who was dealt what."
      : '  One operator, who knows every round in advance: who was dealt what rests on trust in that operator.',
    'What is not shown',
    '  That those who signed worked apart from one another.',
    ...contested
      .slice(0, 1)
      .map(() => `  Who is right in units ${listed(contested)}, where results differ: compute the leaf.`),
    ...silent.slice(0, 1).map(() => `  What other seats of units ${listed(silent)} said, if anything.`),
  ].join('\n')
}

function main(path) {
  let file
  try {
    const { size } = statSync(path)
    if (size > MOST_BYTES) throw new Error(`it has ${size} bytes; this program reads ${MOST_BYTES} at most`)
    file = new Uint8Array(readFileSync(path))
  } catch (error) {
    console.error(`${path} can't be read: ${error.message}`)
    return 2
  }
  let told = Date.now()
  const onUnit = (done, all) => {
    if (done === 0 || Date.now() - told < 5000) return
    told = Date.now()
    console.error(`${done} of ${all} units`)
  }
  try {
    const said = verify(file, onUnit)
    if (!said.provesNothing) {
      console.log(`VALID\n${report(said)}`)
      return 0
    }
    const few = `its genesis asks for so few hard numbers that a leaf expects fewer than ${LEAST_HARD}`
    console.log(`PROVES NOTHING: ${few}${said.units.length > 0 ? `\n${report(said)}` : ''}`)
    return 5
  } catch (error) {
    console.error(`NOT VALID: ${error.message}`)
    return 1
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === realpathSync(new URL(import.meta.url).pathname)) {
  if (process.argv.length === 3) process.exitCode = main(process.argv[2])
  else {
    console.error('Usage: node verify.mjs FILE')
    process.exitCode = 2
  }
}
