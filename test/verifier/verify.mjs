/**
 * A second verifier of certificates: `node test/verifier/verify.mjs FILE`. It was written from the descriptions at the top
 * of the files in orbit/rules and kernels, shares no code with them, and takes from elsewhere only codecs, hashes, curves
 * and the second implementations of the deal and of the cut. It does not compute a single trajectory: it shows who signed what, under
 * rules that let nobody choose. To doubt the signers as well, recompute leaves (`collatz verify FILE`).
 */
import { scryptSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import { dealAgain } from '../orbit/rules/deal-independent.mjs'
import { cutter, EVERYTHING } from './cut.mjs'
import { beacon, checkLeaves, hex, isUnder, must, number, open, rawCid, same, sha, shape, u64 } from './primitives.mjs'

// --- Who may answer, and when a unit is certified (orbit/rules/seats.ts, quorum.ts).
function mayAnswer(rules, seats, node, round, calls) {
  const place = seats.indexOf(node) - rules.N
  if (place < -rules.N) return false
  if (place < 0 || place < calls.declines + 2 * calls.escalations) return true
  return round >= rules.seed + rules.deadline * (1 + Math.floor(place / rules.N))
}
const key = (r) => JSON.stringify([r.count, r.checksum, r.peak?.n, r.peak?.value, hex(r.root), r.leaves])
function countUnit(rules, seats, shown, commits, calls) {
  const citable = (c) => commits.has(c) && mayAnswer(rules, seats, commits.get(c).signer, commits.get(c).round, calls)
  const sound = shown.filter(({ item, round }) => {
    const cited = item.cites.filter((c) => c !== item.commit && citable(c))
    return citable(item.commit) && (1 + cited.length >= rules.N || round >= rules.seed + 2 * rules.deadline)
  })
  if (rules.N === 1) return sound
  return sound.filter(({ node, item }) => sound.some((o) => o.node !== node && o.item.cites.includes(item.commit)))
}

/** @returns what the certificate says. @throws {Error} with what does not hold */
export function verify(bytes) {
  const codec = bytes[0] === 0x7b ? dagJson : dagCbor
  const file = codec.decode(bytes)
  shape(file, 'commits draws format genesis registrations reveals scope units version window')
  must(file.format === 'collatz-certificate' && file.version === 2, 'not a certificate of format 2')
  must(same(codec.encode(file), bytes), 'not in canonical form')
  const sorted = (list, of, what) =>
    must(
      list.every((x, i) => i === 0 || of(list[i - 1]) < of(x)),
      `${what}: not sorted`,
    )

  const genesis = open(file.genesis, 'genesis', 'genesis')
  const { partition, replication: N, beacon: chain } = genesis
  const network = genesis.cid
  const size = 1n << BigInt(partition.bits)
  const window = BigInt(file.window)
  must(
    genesis.founders.some((f) => f.account === genesis.signer),
    'the genesis is not signed by a founder',
  )
  must(
    BigInt(genesis.baseline.below) % size === 0n && window * size >= BigInt(genesis.baseline.below),
    'below the baseline',
  )
  const head = Buffer.alloc(12)
  head.writeUInt32BE(chain.period)
  head.writeBigUInt64BE(BigInt(chain.genesisTime), 4)
  const name = chain.beaconId === 'default' ? '' : chain.beaconId
  must(hex(sha(head, chain.publicKey, chain.groupHash, name)) === chain.hash, 'the chain hash is wrong')
  const here = (statement) => must(statement.network === network, 'a statement for another network')

  const accountOf = new Map(
    file.registrations.map((entry) => {
      shape(entry, 'consent registration')
      const { registration, consent } = entry
      const r = open(registration, 'registration', 'registration')
      const c = open(consent, 'consent', 'consent')
      for (const statement of [r, c]) here(statement)
      must(
        r.signer === r.account && c.signer === r.node && c.node === r.node && c.account === r.account,
        'a registration without both signatures',
      )
      const { N: cost, r: blocks, p, tries } = genesis.registration
      const salt = sha(
        'collatz/puzzle/1\0',
        network,
        '\0',
        Buffer.from(r.account, 'hex'),
        u64(r.round),
        beacon(chain, r.round, r.beacon),
      )
      const value = scryptSync(u64(r.nonce), salt, 8, { N: cost, r: blocks, p, maxmem: 2 ** 30 })
      must(number(value) * BigInt(tries) < 2n ** 64n, 'a registration that does not solve its puzzle')
      return [r.node, r.account]
    }),
  )
  sorted([...accountOf.keys()], (node) => node, 'registrations')
  const used = new Set()

  const draws = file.draws.map((entry) => {
    shape(entry, 'draw signature witnesses')
    const { draw: statement, signature, witnesses } = entry
    const draw = open(statement, 'draw', 'draw')
    here(draw)
    must(genesis.coordinators.includes(draw.signer) && draw.epoch >= 1, 'a draw that no coordinator sealed')
    sorted(draw.roster, ({ node }) => node, 'roster')
    sorted(draw.excluded, (account) => account, 'exclusions')
    const units = draw.offers.flatMap(({ window: w, from, to }) =>
      Array.from({ length: to - from }, (_, i) => `${w}/${from + i}`),
    )
    must(new Set(units).size === units.length, 'a draw that offers a unit twice')
    must(
      draw.offers.every((o) => BigInt(o.window) * size >= BigInt(genesis.baseline.below)),
      'a draw below the baseline',
    )
    const seed = draw.epoch * genesis.epoch.rounds
    const randomness = beacon(chain, seed, signature)
    const dealt = dealAgain({
      networkId: network,
      epoch: draw.epoch,
      randomness,
      roster: draw.roster,
      units: units.length,
      replication: N,
    })
    // Witnesses (witness.ts): more than half of the accounts on the roster had it before its round.
    const on = new Map(draw.roster.map(({ node, account }) => [node, account]))
    const said = witnesses.map((w) => {
      const h = open(w, 'heartbeat', 'witness')
      here(h)
      beacon(chain, h.round, h.beacon)
      must(
        h.node === h.signer && accountOf.get(h.signer) === on.get(h.signer) && on.has(h.signer),
        'a witness who is not on the roster',
      )
      must(
        h.witnessed.some((x) => x.draw === draw.cid),
        'a witness of another draw',
      )
      used.add(h.signer)
      return h.signer
    })
    sorted(said, (node) => node, 'witnesses')
    const accounts = said.map((node) => on.get(node))
    must(new Set(accounts).size === accounts.length, 'an account that witnesses twice')
    must(said.length === Math.floor(new Set(on.values()).size / 2) + 1, 'a draw that too few, or too many, witness')
    const seatsOf = (unit) => {
      const at = units.indexOf(`${window}/${unit}`)
      const reserve = (dealt.reserves[at] ?? []).slice(0, 2 * N + 8)
      return dealt.quorums[at] && [...dealt.quorums[at], ...reserve].map((i) => draw.roster[i].node)
    }
    return { epoch: draw.epoch, seed, seatsOf, on }
  })
  sorted(draws, ({ epoch }) => epoch, 'draws')

  const commits = new Map(
    file.commits.map((statement) => {
      const commit = open(statement, 'commit', 'commit')
      here(commit)
      beacon(chain, commit.round, commit.beacon)
      must(new Set(commit.units.map(String)).size === commit.units.length, 'a commit that names a unit twice')
      return [commit.cid, commit]
    }),
  )
  sorted([...commits.keys()], (c) => c, 'commits')
  const reveals = file.reveals.map((statement) => {
    const reveal = open(statement, 'reveal', 'reveal')
    here(reveal)
    beacon(chain, reveal.round, reveal.beacon)
    return reveal
  })
  sorted(reveals, (r) => r.cid, 'reveals')

  const cut = cutter(partition.bits)
  const classes = partition.map === '3n+1' ? cut(EVERYTHING, partition.units) : null
  sorted(file.units, ({ unit }) => unit, 'units')
  const contested = []
  let [count, checksum] = [0n, 0n]
  for (const entry of file.units) {
    shape(entry, 'contested declines draw leaves results unit')
    const { unit, draw: d, results, declines, leaves, contested: others } = entry
    const draw = draws[d]
    const seats = draw?.seatsOf(unit)
    must(seats, `unit ${unit}: not dealt in its draw`)
    used.add(draw)
    const about = (x) => x.epoch === draw.epoch && x.window === file.window && x.unit === unit
    const shown = results.map((entry) => {
      shape(entry, 'index item proof reveal')
      const { reveal: at, index, proof, item: packed } = entry
      const reveal = reveals[at]
      must(
        reveal && isUnder(reveal.root, packed, index, reveal.size, proof),
        `unit ${unit}: not under its reveal's signature`,
      )
      const item = dagCbor.decode(packed)
      must(same(dagCbor.encode(item), packed) && about(item.result), `unit ${unit}: a result of another unit`)
      sorted(item.cites, (c) => c, 'cites')
      const node = reveal.signer
      const commit = commits.get(item.commit)
      const record = dagCbor.encode([node, item.result, item.salt])
      must(
        commit?.signer === node && String(commit.units[item.index]) === `${draw.epoch},${file.window},${unit}`,
        `unit ${unit}: not committed`,
      )
      must(
        isUnder(commit.root, record, item.index, commit.units.length, item.proof),
        `unit ${unit}: not what was committed`,
      )
      must(
        accountOf.has(node) && accountOf.get(node) === draw.on.get(node),
        `unit ${unit}: a signer who is not registered`,
      )
      for (const x of [node, reveal, item.commit, ...item.cites]) used.add(x)
      return { node, item, round: reveal.round }
    })
    const said = declines.map((statement) => {
      const decline = open(statement, 'decline', 'decline')
      here(decline)
      must(about(decline) && seats.includes(decline.signer), `unit ${unit}: a decline of another unit`)
      return seats.indexOf(decline.signer)
    })
    sorted(said, (seat) => seat, 'declines')
    const rules = { N, seed: draw.seed, deadline: genesis.deadlineRounds }
    const own = new Map(
      results
        .flatMap((_, i) => [shown[i].item.commit, ...shown[i].item.cites])
        .filter((c) => commits.has(c))
        .map((c) => [c, commits.get(c)]),
    )
    // Results that differ call two more, until N agree on what the leaves here say and the others are shown wrong by them.
    const blocks = new Map([...(leaves ? [leaves] : []), ...others].map((b) => [rawCid(b), b]))
    let [counted, agreeing, escalations] = [[], [], 0]
    for (; ; escalations++) {
      counted = countUnit(rules, seats, shown, own, { declines: said.length, escalations })
      const keys = new Set(counted.map(({ item }) => key(item.result)))
      const ours =
        leaves && keys.size > 1 ? counted.filter(({ item }) => item.result.leaves === rawCid(leaves)) : counted
      agreeing =
        keys.size > 1 && !leaves ? [] : ours.filter(({ item }) => key(item.result) === key(ours[0].item.result))
      if (keys.size <= 1 || agreeing.length >= N) break
      if (escalations === 4 || (escalations > 0 && counted.length < N + 2 * escalations)) break
    }
    must(agreeing.length >= N, `unit ${unit}: fewer than ${N} equal results that count`)
    const order = counted.map(({ node }) => seats.indexOf(node))
    must(
      counted.length === shown.length && shown.every((s, i) => s === counted[i]),
      `unit ${unit}: a result that does not count`,
    )
    sorted(order, (seat) => seat, 'results')
    const { result } = agreeing[0].item
    const signed = new Set(counted.filter((c) => key(c.item.result) !== key(result)).map((c) => c.item.result.leaves))
    must(
      others.every((b) => signed.has(rawCid(b))),
      `unit ${unit}: leaves that nobody signed`,
    )
    sorted(others.map(rawCid), (c) => c, 'contested')
    must(leaves || others.length === 0, `unit ${unit}: contested, without its leaves`)
    if (leaves) {
      must(rawCid(leaves) === result.leaves || signed.size === 0, `unit ${unit}: other leaves than those signed`)
      const wanted = classes ? cut(classes[unit] ?? EVERYTHING, partition.leaves).length : leaves.length / 64
      checkLeaves(result, leaves, wanted)
      for (const b of others) contested.push({ unit, leaf: b.findIndex((x, i) => x !== leaves[i]) >> 6 })
    }
    count += BigInt(result.count)
    checksum = (checksum + BigInt(`0x${result.checksum}`)) % 2n ** 64n
  }
  must(
    file.scope === 'units' || (file.scope === 'window' && (!classes || file.units.length === classes.length)),
    'units are missing',
  )
  for (const x of [...draws, ...reveals, ...commits.keys(), ...accountOf.keys()])
    must(used.has(x), 'it carries what nothing needs')
  return {
    network,
    window,
    scope: file.scope,
    units: file.units.length,
    cutChecked: classes !== null,
    count,
    checksum,
    contested,
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    const { checksum, ...said } = verify(new Uint8Array(readFileSync(process.argv[2])))
    console.log('VALID', { ...said, checksum: checksum.toString(16).padStart(16, '0') })
  } catch (error) {
    console.error(`NOT VALID: ${error.message}`)
    process.exitCode = 1
  }
}
