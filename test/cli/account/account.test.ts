/**
 * `collatz account show`, `collatz verify` of a fraud proof, certificates of units and the
 * frontier, as their users run them: on a network whose results and evidence are true, but for a
 * leaf that one account made up.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import { CID } from 'multiformats/cid'
import { cpuEngine } from '../../../kernels/cpu.ts'
import { leavesOf } from '../../../kernels/partition.ts'
import { writeFraudProofs } from '../../../orbit/node/home/fraud-proof-files.ts'
import { createHome } from '../../../orbit/node/home/home.ts'
import { FactFinder } from '../../../orbit/node/replica/knowledge.ts'
import { SqliteFile } from '../../../orbit/node/storage/sqlite.ts'
import { rawCid } from '../../../orbit/rules/base/cid.ts'
import { sign } from '../../../orbit/rules/base/statement.ts'
import { writeFraudProof } from '../../../orbit/rules/certificate/fraud-proof.ts'
import { writeCertificate } from '../../../orbit/rules/certificate/write.ts'
import { checksumHex } from '../../../orbit/rules/message/bodies.ts'
import { type Assignment, dealtUnitKey } from '../../../orbit/rules/message/unit.ts'
import type { State } from '../../../orbit/rules/state/state.ts'
import { beaconAt, Party } from '../../orbit/rules/party.ts'
import { verify as verifyAgain } from '../../verifier/standalone/certificate.mjs'
import { Desk, type Outcome } from '../program.ts'

setDefaultTimeout(2_400_000)

const desk = new Desk()
/** What everybody signs is true, but for those who claim another variant: they lie in the checksum of leaf 2. */
const party = new Party({ accounts: 12, real: true })
const { genesis } = party
/** What a node on its data directory has found out. */
const found = new Map<string, Uint8Array>()
let unit: Assignment
let state: State
let proof: string

/** The data directory of an account that is not registered, with all that the others have said. */
function keep(directory: string): void {
  createHome({
    ...{ directory, genesis, name: 'guest', accountKey: new Uint8Array(32).fill(8), listen: [], peers: [] },
    nodeKey: new Uint8Array(32).fill(9),
  })
  const sql = new SqliteFile(directory)
  for (const [kind, documents] of Object.entries(party.documents)) {
    sql.run('INSERT INTO databases VALUES (?, ?)', kind, kind)
    for (const [i, document] of documents.entries()) {
      sql.run('INSERT INTO documents VALUES (?, ?, 0, ?, ?)', kind, String(i), '', dagCbor.encode(document))
    }
  }
  for (const [cid, block] of party.blocks) {
    sql.run('INSERT OR IGNORE INTO blocks VALUES (?, ?)', CID.parse(cid).multihash.bytes, block)
  }
  for (const [key, value] of found) sql.run('INSERT INTO private VALUES (?, ?)', key, value)
  sql.close()
}

/** Judges all that was shown and computes the leaf that is contested, as a node does that has all blocks. */
async function findOut(): Promise<State> {
  const facts = new FactFinder({
    ...{ genesis, learned: () => {}, signal: new AbortController().signal },
    openEngine: () => cpuEngine(genesis.partition, 1),
    node: {
      blocks: { here: (cid: CID) => party.blocks.get(cid.toString()) },
      kv: { put: async (key: string, value: Uint8Array) => void found.set(key, value) },
    } as never,
  })
  while (await facts.learn(party.state(facts)));
  return party.state(facts)
}

const { sources } = party

beforeAll(async () => {
  const [disputed, ...others] = party.deal(2, party.unitsPerWindow) as [Assignment, ...Assignment[]]
  unit = disputed
  party.answerAll(others)
  party.answer(unit, unit.quorum, [0, 0, 1])
  party.answer(unit, unit.reserve.slice(0, 2), [0, 0], 10)
  state = await findOut()
  // Two accounts of one name: whoever registers chooses his.
  const { account, node, accountSecret } = party.members[7]!
  const words = { type: 'registration', network: genesis.networkId, account, node, name: 'n6', round: 1 }
  party.documents.accounts[7] = {
    ...party.registration(node),
    registration: sign({ ...words, beacon: beaconAt(1), nonce: 0 }, accountSecret).bytes,
  }
  keep(desk.path('data'))
  proof = writeFraudProofs(desk.path('data'), state, sources)[0]!
})
afterAll(() => desk.dispose())

function ok({ code, stdout, stderr }: Outcome): string {
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
}

/** One line on stderr, beginning with the program's name, and not a defect's exit code. */
function isOneClearLine({ code, stderr, stdout }: Outcome, says: RegExp): void {
  expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  expect(stderr).toStartWith('collatz: ')
  expect(stderr).toMatch(says)
  expect(stdout).toBe('')
  expect([0, 70]).not.toContain(code)
}

describe('a fraud proof', () => {
  const leaf = (variant: number) => party.claim(unit, variant)[2]!

  test('about a leaf that was really signed wrong holds: the leaf is computed, and differs', async () => {
    const text = ok(await desk.run('verify', proof))
    const { account, node, statements } = state.convictions[0]!
    expect(text).toStartWith(`GUILTY: ${proof}\n`)
    for (const part of [account, node, ...statements, genesis.networkId, `leaf 2 of unit ${unit.unit}`]) {
      expect(text).toContain(part)
    }
    const summary = (variant: number) =>
      `${leaf(variant).count} hard numbers, checksum ${checksumHex(leaf(variant).checksum)}`
    expect(text).toContain(`signed     ${summary(1)}`)
    expect(text).toContain(`recomputed ${summary(0)}`)
  })

  test('says the same to scripts', async () => {
    const said = JSON.parse(ok(await desk.run('verify', proof, '--json', '--network', genesis.networkId)))
    const { account, node, statements } = state.convictions[0]!
    expect(said).toMatchObject({ guilty: true, kind: 'leaf', account, node, statements, leaf: 2, unit: unit.unit })
    expect(said.window).toBe(unit.window.toString())
    expect(said.signed.checksum).toBe(checksumHex(leaf(1).checksum))
    expect(said.recomputed.checksum).toBe(checksumHex(leaf(0).checksum))
  })

  test('about a leaf that was signed right does not hold', async () => {
    const honest = unit.quorum[0]!
    const result = state.answers.units.get(dealtUnitKey(unit))!.results.get(honest)![0]!
    for (const index of [0, 2, leavesOf(genesis.partition, unit.unit).length - 1]) {
      const bytes = writeFraudProof(
        state,
        {
          ...{ account: party.member(honest).account, node: honest, kind: 'leaf', epoch: 2, window: unit.window },
          ...{ unit: unit.unit, leaf: index, item: null, statements: [], results: [result], claim: null },
        },
        sources,
      )
      writeFileSync(desk.path('honest.json'), bytes)
      const outcome = await desk.run('verify', desk.path('honest.json'))
      isOneClearLine(outcome, /DOES NOT HOLD.*honest\.json: leaf \d+ of unit \d+ was signed as what computing it gives/)
      expect(outcome.code).toBe(65)
    }
  })

  test('that was changed, or is of another network than asked for, does not hold', async () => {
    const bytes = readFileSync(proof)
    for (let at = 40; at < bytes.length; at += Math.ceil(bytes.length / 12)) {
      const changed = Buffer.from(bytes)
      changed[at]! ^= 1
      writeFileSync(desk.path('changed.json'), changed)
      const outcome = await desk.run('verify', desk.path('changed.json'))
      isOneClearLine(outcome, /DOES NOT HOLD|NOT VALID/)
      expect(outcome.code).toBe(65)
    }
    isOneClearLine(await desk.run('verify', proof, '--network', 'bafyother'), /DOES NOT HOLD.*not bafyother/)
    isOneClearLine(await desk.run('verify', proof, '--seconds', '3'), /--seconds and --units are for certificates/)
  })

  test('can be mistaken for a certificate by nobody', async () => {
    const posing = { ...dagJson.decode<object>(readFileSync(proof)), format: 'collatz-certificate' }
    writeFileSync(desk.path('posing.json'), dagJson.encode(posing))
    isOneClearLine(await desk.run('verify', desk.path('posing.json')), /NOT VALID.*not a certificate/)
  })
})

describe('account show', () => {
  test('of a convicted account: the level, what it signed, and where the proof is', async () => {
    const { account, statements } = state.convictions[0]!
    const text = ok(await desk.run('account', 'show', account))
    for (const part of [
      'BANNED',
      account,
      ...statements,
      proof,
      `leaf 2 of unit ${unit.unit} of window ${unit.window}`,
    ]) {
      expect(text).toContain(part)
    }
  })

  test('of an honest one: every certified unit with its draw and the statement of its result', async () => {
    const honest = party.member(unit.quorum[0]!)
    const text = ok(await desk.run('account', 'show', honest.account.slice(0, 12)))
    const said = JSON.parse(ok(await desk.run('account', 'show', honest.account, '--json')))
    expect(said).toMatchObject({ account: honest.account, level: 'UNTRUSTED', convictions: [], own: false })
    expect(said.nodes).toMatchObject([{ node: honest.node, round: 1 }])
    expect(said.certified.length).toBeGreaterThan(0)
    expect(said.certified).toHaveLength(said.units)
    for (const { draw, statement } of said.certified) {
      expect(text.split('\n').some((line) => [draw, statement].every((cid) => line.includes(cid)))).toBe(true)
    }
    expect(text).toContain('VERIFIED takes 10')
    expect(text).toContain('registered at beacon round 1')
  })

  test('says in JSON what convicts, and where the file is', async () => {
    const { account, kind, statements } = state.convictions[0]!
    const said = JSON.parse(ok(await desk.run('account', 'show', account, '--json')))
    expect(said).toMatchObject({
      level: 'BANNED',
      missBalance: null,
      convictions: [{ kind, statements, proof, leaf: 2, item: null }],
    })
  })

  test('of nobody, of a name that two carry, and of oneself before registering, says what to do', async () => {
    isOneClearLine(await desk.run('account', 'show', 'nobody'), /no account is called "nobody".*collatz pool/)
    isOneClearLine(await desk.run('account', 'show', 'deadbeef'.repeat(8)), /no account is called/)
    const two = await desk.run('account', 'show', 'n6')
    isOneClearLine(two, /"n6" may be any of 2 accounts: give the key/)
    for (const { account } of party.members.slice(6, 8)) expect(two.stderr).toContain(account)
    isOneClearLine(await desk.run('account', 'show'), /your account [0-9a-f]{64} is not registered yet.*collatz work/)
    isOneClearLine(await desk.run('account', 'shwo'), /unknown command "collatz account shwo"/)
  })
})

test('one’s own account is shown when none is named, all of its units only on request', async () => {
  const own = new Desk()
  try {
    ok(await own.run('init', '--local', '--bits', '28', '--name', 'ada'))
    expect((await own.run('work', '--units', '24')).code).toBe(0)
    const text = ok(await own.run('account', 'show'))
    const lines = (shown: string) => shown.split('\n').filter((line) => line.includes('bafyrei'))
    expect(text).toContain('account   ada (your own)')
    expect(lines(text)).toHaveLength(20)
    expect(text).toMatch(/and \d+ more lines: --all/)
    const said = JSON.parse(ok(await own.run('account', 'show', 'ada', '--json')))
    expect(said.units).toBeGreaterThanOrEqual(24)
    expect(said.own).toBe(true)
    expect(lines(ok(await own.run('account', 'show', '--all')))).toHaveLength(said.certified.length)
  } finally {
    own.dispose()
  }
})

describe('certificates', () => {
  test('of some units are written from documents and leaves that are here, and hold by both verifiers', async () => {
    const file = desk.path('units.json')
    const window = genesis.firstWindow.toString()
    ok(await desk.run('certificate', window, '--units', '1,0', '--out', file))
    expect(ok(await desk.run('verify', file, '--seconds', '1'))).toStartWith(
      `VALID: ${file}\n  says       every n of units 0, 1 of `,
    )
    const independent = verifyAgain(new Uint8Array(readFileSync(file)))
    expect([independent.isWhole, independent.units.length, independent.genesis.id]).toEqual([
      false,
      2,
      genesis.networkId,
    ])
    isOneClearLine(await desk.run('certificate', window, '--units', '1', '--out', file), /is there already/)
    isOneClearLine(await desk.run('certificate', window, '--units', '1'), /--out FILE/)
    isOneClearLine(await desk.run('certificate', window, '--units', '900', '--out', `${file}2`), /not certified yet/)
    isOneClearLine(
      await desk.run('certificate', '--units', '1', '--out', `${file}2`),
      /name the window: `collatz certificate W`/,
    )
    const nowhere = desk.path('nowhere', 'file')
    isOneClearLine(
      await desk.run('certificate', window, '--units', '1', '--out', nowhere),
      /cannot use .*: there is no such/,
    )
  })

  test('make the frontier a theorem, with their CIDs and what is missing', async () => {
    const certificates = desk.path('data', 'certificates')
    mkdirSync(certificates)
    const bytes = writeCertificate(state, genesis.firstWindow, sources)
    writeFileSync(join(certificates, `window-${genesis.firstWindow}.json`), bytes)
    const text = ok(await desk.run('frontier'))
    expect(text).toStartWith('Every n below 2^71 + 2^22 = ')
    expect(text).toContain(genesis.body.baseline.citation)
    expect(text).toContain(rawCid(bytes).toString())
    expect(text).not.toContain('Not here')
    const said = JSON.parse(ok(await desk.run('frontier', '--json')))
    expect(said.certificates).toHaveLength(1)
    expect(said.gaps).toEqual([])
    expect(said.missing).toEqual([])
    // A theorem without its evidence says so.
    writeFileSync(join(certificates, `window-${genesis.firstWindow}.json`), 'garbage')
    expect(ok(await desk.run('frontier'))).toContain(
      `Not here, or not what it should be: the certificate of ${genesis.firstWindow}.`,
    )
    expect(JSON.parse(ok(await desk.run('frontier', '--json')))).toMatchObject({
      certificates: [],
      missing: [genesis.firstWindow.toString()],
    })
  })
})
