/** Two verifiers that share no code accept the same certificates, and refuse the same. */

import { beforeAll, describe, expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import { classes, leavesOf } from '../../kernels/partition.ts'
import type { Partition } from '../../kernels/unit.ts'
import { cidOf } from '../../orbit/rules/base/cid.ts'
import { createMemory } from '../../orbit/rules/base/memory.ts'
import { RuleError, sign } from '../../orbit/rules/base/statement.ts'
import { readCertificate } from '../../orbit/rules/certificate/read.ts'
import { withoutLeaves, writeCertificate } from '../../orbit/rules/certificate/write.ts'
import { checkDraw } from '../../orbit/rules/deal/assignment.ts'
import { checksumHex, type DrawBody } from '../../orbit/rules/message/bodies.ts'
import { deadlineRound } from '../../orbit/rules/network/schedule.ts'
import { miniature } from '../orbit/rules/miniature.ts'
import { Party } from '../orbit/rules/party.ts'
import { cutOf, verify } from './verify.mjs'

/** Thousands of files share their registrations and beacon rounds: each is checked once. */
const memory = createMemory()

const window = 1n << 43n
const files = new Map<string, Uint8Array>()

/** A window of a network of many, with a lie, a decline and a missed deadline in it. */
function troubled(): Party {
  const party = new Party({ accounts: 16 })
  const [lied, declined, missed, plain] = party.deal(2, 4) as [any, any, any, any]
  party.answer(lied, lied.quorum, [0, 1, 0])
  party.answer(lied, lied.reserve.slice(0, 2), [0, 0], 20)
  party.learn(lied, 2)
  party.decline(declined.quorum[1], declined)
  party.answer(declined, [declined.quorum[0], declined.quorum[2], declined.reserve[0]])
  const late = deadlineRound(party.genesis, 2)
  const result = party.result(missed, party.claim(missed))
  const own = [missed.quorum[0], missed.quorum[1], missed.reserve[0]]
  const commits = own.map((node, i) => party.commit(node, [result], i < 2 ? 8 : late))
  for (const [i, node] of own.entries()) {
    party.reveal(node, commits[i]!, new Map([[0, commits.filter((_, j) => j !== i)]]), late + 1)
  }
  party.answerAll([plain])
  return party
}

/** A window of a network with adaptive replication: an audit each, but for one unit, whose signer one exposed. */
function audited(): Party {
  const party = new Party({ accounts: 16, changes: { audit: { leaves: 2, auditors: 2, adaptive: true } } })
  const trusted = party.members.map(({ account }) => account)
  // A lie is in leaf 2 (party.ts): the first deal of the window in which an audit looks at that, and whose signer has no part in
  // another unit, as that would fall with him.
  for (let epoch = 2; ; epoch++) {
    const draws = party.documents.draws.length
    const beats = party.documents.pool.length
    const units = party.deal(epoch, 4, { trusted })
    const isIn = (node: string, { quorum }: (typeof units)[0], auditors: readonly string[]) =>
      quorum[0] === node || auditors.includes(node)
    const lied = units.find(
      (unit) =>
        party.certifyingAudit(unit).leaves.includes(2) &&
        units.every((u) => u === unit || !isIn(unit.quorum[0]!, u, party.certifyingAudit(u).auditors)),
    )
    if (lied) {
      for (const unit of units) {
        party.answer(unit, [unit.quorum[0]!], [unit === lied ? 1 : 0])
        for (const node of party.certifyingAudit(unit).auditors) party.certify(node, unit)
      }
      party.learn(lied, 2)
      party.answer(lied, lied.reserve.slice(0, 4), [], deadlineRound(party.genesis, epoch) - 3)
      return party
    }
    party.documents.draws.length = draws
    party.documents.pool.length = beats
  }
}

const party = troubled()
const other = audited()
const otherSources = {
  leaves: (cid: string) => other.blocks.get(cid),
  registration: (n: string) => other.registration(n),
}
const sources = { leaves: (cid: string) => party.blocks.get(cid), registration: (n: string) => party.registration(n) }

beforeAll(async () => {
  const small = miniature()
  for (const [round, capacity] of [
    [4, 3],
    [10, 1],
  ] as const) {
    await small.work(small.draw(round, capacity).epoch)
  }
  const own = { leaves: (cid: string) => small.records.get(cid), registration: (n: string) => small.registration(n) }
  files.set('N = 1, two epochs, real results', writeCertificate(small.state(), window, own))
  files.set('N = 3, a lie, a decline and a missed deadline', writeCertificate(party.state(), window, sources))
  files.set('adaptive, one of them exposed', writeCertificate(other.state(), window, otherSources))
  files.set('adaptive, without leaves', withoutLeaves(files.get('adaptive, one of them exposed')!))
  files.set('some units', writeCertificate(party.state(), window, sources, [0, 3]))
  files.set('without leaves', withoutLeaves(files.get('N = 3, a lie, a decline and a missed deadline')!))
})

/** What each of them says of a file. */
function verdicts(bytes: Uint8Array): string {
  const ours = (() => {
    try {
      readCertificate(bytes, memory)
      return 'accepted'
    } catch (error) {
      return error instanceof RuleError ? 'refused' : `ours threw ${error}`
    }
  })()
  const theirs = (() => {
    try {
      verify(bytes)
      return 'accepted'
    } catch {
      return 'refused'
    }
  })()
  return ours === theirs ? ours : `ours: ${ours}, theirs: ${theirs}`
}

test('both accept what the program writes, and say the same of it', () => {
  expect(files.size).toBe(6)
  for (const bytes of files.values()) {
    const ours = readCertificate(bytes, memory)
    const theirs = verify(bytes)
    expect(theirs.network).toBe(ours.genesis.networkId)
    expect([theirs.units, theirs.scope === 'window']).toEqual([ours.units.size, ours.complete])
    expect([theirs.count, theirs.checksum]).toEqual([BigInt(ours.count), checksumHex(ours.checksum)])
    expect(theirs.contested).toEqual(ours.contested.map(({ unit }) => unit))
    expect(theirs.silent).toEqual([...ours.units].flatMap(([unit, { silent }]) => (silent.length > 0 ? [unit] : [])))
  }
})

test('the second cut is the first', () => {
  for (const [map, bits, units, leaves] of [
    ['3n+1', 28, 4, 8],
    ['3n+1', 22, 64, 256],
    ['3n+1', 40, 100, 32],
    ['3n+1', 56, 300, 256],
    ['3n-1', 24, 20, 16],
    ['5n+1', 24, 20, 16],
  ] as const) {
    const partition: Partition = { map, bits, units, leaves, hardSteps: 320 }
    const again = cutOf(partition)
    expect(again.map(({ r }) => r)).toEqual(classes(partition).map(({ residue }) => residue))
    expect(again.map((of) => of.leaves)).toEqual(classes(partition).map((_, i) => leavesOf(partition, i).length))
  }
})

describe('both refuse', () => {
  /** Of every stride-th byte one of its eight bits, by xorshift32. */
  const flipped = (bytes: Uint8Array, stride = 1): Map<string, number> => {
    const seen = new Map<string, number>()
    let x = bytes.length * 2654435761 + 1
    for (let at = 0; at < bytes.length; at += stride) {
      x ^= x << 13
      x ^= x >>> 17
      x ^= x << 5
      const changed = bytes.slice()
      changed[at]! ^= 1 << (x >>> 29)
      const verdict = verdicts(changed)
      seen.set(verdict, (seen.get(verdict) ?? 0) + 1)
    }
    return seen
  }

  test('a certificate with any byte changed in one bit', () => {
    const alone = new Party({ accounts: 1, partition: { units: 1, leaves: 2 }, changes: { replication: 1 } })
    alone.answerAll(alone.deal(2, 1))
    const from = { leaves: (cid: string) => alone.blocks.get(cid), registration: (n: string) => alone.registration(n) }
    // As dag-cbor: the same, and shorter, as its bytes are not written in base64.
    const bytes = dagCbor.encode(dagJson.decode(writeCertificate(alone.state(), window, from)))
    expect(verdicts(bytes)).toBe('accepted')
    expect([...flipped(bytes)]).toEqual([['refused', bytes.length]])
  }, 300_000)

  test('every kind of file with one bit changed in any of 60 places', () => {
    for (const bytes of files.values()) {
      const seen = flipped(bytes, Math.ceil(bytes.length / 60))
      expect([...seen.keys()]).toEqual(['refused'])
      expect(seen.get('refused')).toBeGreaterThan(50)
    }
  }, 300_000)

  const stranger = new Uint8Array(32).fill(9)
  const again = (bytes: Uint8Array) => sign((dagCbor.decode(bytes) as { body: unknown }).body, stranger).bytes
  const changes: Record<string, (file: any, other: any) => void> = {
    'a unit of the window dropped': (file) => {
      file.units.pop()
      file.scope = 'window'
    },
    'units out of order': (file) => file.units.reverse(),
    'a unit twice': (file) => file.units.push(file.units.at(-1)),
    'another window': (file) => (file.window = (BigInt(file.window) + 1n).toString()),
    'a scope that is none': (file) => (file.scope = file.scope === 'units' ? 'window' : 'all'),
    'a commit dropped': (file) => file.commits.pop(),
    'a commit signed by a stranger': (file) => (file.commits[0] = again(file.commits[0])),
    'a reveal signed by a stranger': (file) => (file.reveals[0] = again(file.reveals[0])),
    'a draw signed by a stranger': (file) => (file.draws[0].draw = again(file.draws[0].draw)),
    'a witness dropped': (file) => file.draws[0].witnesses.pop(),
    'a witness signed by a stranger': (file) => (file.draws[0].witnesses[0] = again(file.draws[0].witnesses[0])),
    'another beacon signature': (file) => (file.draws[0].signature = new Uint8Array(48).fill(1)),
    'a registration dropped': (file) => file.registrations.pop(),
    'a registration without consent': (file) => (file.registrations[0].consent = again(file.registrations[0].consent)),
    'a result dropped': (file) => file.units[0].results.pop(),
    'no results': (file) => (file.units[0].results = []),
    'a proof changed': (file) => file.units[0].results[0].proof.push(new Uint8Array(32)),
    'another index': (file) => (file.units[0].results[0].index += 1),
    'an item changed': (file) => {
      const item = dagCbor.decode<any>(file.units[0].results[0].item)
      item.result.count += 1
      file.units[0].results[0].item = dagCbor.encode(item)
    },
    'a citation removed': (file) => {
      const item = dagCbor.decode<any>(file.units[0].results[0].item)
      item.cites = [item.commit]
      file.units[0].results[0].item = dagCbor.encode(item)
    },
    'leaves of another unit': (file) => (file.units[0].leaves = file.units[1].leaves ?? new Uint8Array(64)),
    "another network's draw": (file, other) => (file.draws[0].draw = other.draws[0].draw),
    "another network's commit": (file, other) => (file.commits[0] = other.commits[0]),
    'something more': (file) => (file.more = 1),
  }
  test.each(Object.keys(changes))('%s', (name) => {
    const all = [...files.entries()].filter(([kind]) => !kind.includes('without leaves'))
    for (const [i, [, bytes]] of all.entries()) {
      const file = dagJson.decode<any>(bytes)
      changes[name]!(file, dagJson.decode<any>(all[i === 0 ? 1 : 0]![1]))
      expect(verdicts(dagJson.encode(file))).toBe('refused')
    }
  })

  describe('what its own signer signed in another shape:', () => {
    const secretOf = (who: Party, key: string) => {
      const member = who.members.find(({ node, account }) => node === key || account === key)!
      return member.node === key ? member.nodeSecret : member.accountSecret
    }
    const anew = (who: Party, bytes: Uint8Array, change: object) => {
      const { body, key } = dagCbor.decode<{ body: object; key: Uint8Array }>(bytes)
      return sign({ ...body, ...change }, secretOf(who, Buffer.from(key).toString('hex'))).bytes
    }
    const troubledFile = 'N = 3, a lie, a decline and a missed deadline'
    const shapes: Record<string, [string, Party, (file: any, change: object) => void, object]> = {
      'a witness': [
        troubledFile,
        party,
        (file, change) => {
          file.draws[0].witnesses[0] = anew(party, file.draws[0].witnesses[0], change)
        },
        { capacity: 4097 },
      ],
      'a decline': [
        troubledFile,
        party,
        (file, change) => {
          const unit = file.units.find(({ declines }: any) => declines.length > 0)
          unit.declines[0] = anew(party, unit.declines[0], change)
        },
        { unit: 65_536 },
      ],
      'a registration': [
        troubledFile,
        party,
        (file, change) => {
          file.registrations[0].registration = anew(party, file.registrations[0].registration, change)
        },
        { name: '' },
      ],
      'an audit': [
        'adaptive, one of them exposed',
        other,
        (file, change) => {
          const unit = file.units.find(({ audits }: any) => audits.length > 0)
          unit.audits[0] = anew(other, unit.audits[0], change)
        },
        { claims: [] },
      ],
    }
    test.each(Object.keys(shapes))('%s', (name) => {
      const [kind, , change, wrong] = shapes[name]!
      const as = (by: object) => {
        const file = dagJson.decode<any>(files.get(kind)!)
        change(file, by)
        return verdicts(dagJson.encode(file))
      }
      expect(as({})).toBe('accepted')
      expect(as({ more: 1 })).toBe('refused')
      expect(as(wrong)).toBe('refused')
      expect(as({ network: 'b'.padEnd(59, 'a') })).toBe('refused')
    })
  })

  test('audits dropped or of another unit, and a lie that an audit exposed without its leaves', () => {
    const from = (change: (units: any[]) => void) => {
      const file = dagJson.decode<any>(files.get('adaptive, one of them exposed')!)
      change(file.units)
      return verdicts(dagJson.encode(file))
    }
    const exposed = (units: any[]) => units.find(({ audits }) => audits.length === 0)
    const [plain, other] = [0, 1].map((i) => (units: any[]) => units.filter(({ audits }) => audits.length > 0)[i]) as [
      (units: any[]) => any,
      (units: any[]) => any,
    ]
    expect(from((units) => expect(exposed(units).contested).toHaveLength(1))).toBe('accepted')
    expect(from((units) => plain(units).audits.reverse())).toBe('accepted')
    expect(from((units) => plain(units).audits.pop())).toBe('refused')
    expect(from((units) => (plain(units).audits = []))).toBe('refused')
    expect(from((units) => (plain(units).audits = other(units).audits))).toBe('refused')
    expect(from((units) => (plain(units).leaves = null))).toBe('refused')
    expect(from((units) => exposed(units).contested.pop())).toBe('refused')
    expect(from((units) => exposed(units).audits.push(plain(units).audits[0]))).toBe('refused')
  })

  test('a draw that is not of its form, but not what it says of allowances: that is for its witnesses to judge', () => {
    const few = new Party({ accounts: 8, changes: { allowance: { newcomer: 3, rounds: 1000 } } })
    const allowances = few.members.map(({ account }) => ({ account, units: 4 }))
    allowances.sort((a, b) => (a.account < b.account ? -1 : 1))
    few.answerAll(few.deal(2, 4, { capacity: 4, allowances }))
    const from = { leaves: (cid: string) => few.blocks.get(cid), registration: (n: string) => few.registration(n) }
    const written = writeCertificate(few.state(), window, from)
    // Sealed and witnessed anew: what was dealt, and what was made of it, does not rest on the allowances.
    const saying = (change: object) => {
      const file = dagJson.decode<any>(written)
      const [draw] = file.draws
      const body = { ...dagCbor.decode<{ body: DrawBody }>(draw.draw).body, ...change }
      draw.draw = sign(body, few.members[0]!.nodeSecret).bytes
      const cid = cidOf(draw.draw).toString()
      draw.witnesses = draw.witnesses.map((bytes: Uint8Array) => {
        const { body: said } = dagCbor.decode<{ body: { node: string } }>(bytes)
        const witnessed = [{ epoch: body.epoch, draw: cid }]
        return sign({ ...said, witnessed }, few.member(said.node).nodeSecret).bytes
      })
      const isWitnessed = (() => {
        try {
          checkDraw(few.genesis, body)
          return 'witnessed'
        } catch (error) {
          return error instanceof RuleError ? 'not witnessed' : error
        }
      })()
      return [isWitnessed, verdicts(dagJson.encode(file))]
    }
    expect(saying({})).toEqual(['witnessed', 'accepted'])
    expect(saying({ allowances: allowances.slice(1) })).toEqual(['not witnessed', 'accepted'])
    expect(saying({ allowances: [...allowances].reverse() })).toEqual(['not witnessed', 'accepted'])
    expect(saying({ allowances: [{ ...allowances[0]!, units: 2 ** 21 }] })[1]).toBe('refused')
    expect(saying({ trusted: [allowances[0]!.account] })).toEqual(['not witnessed', 'refused'])
    expect(saying({ epoch: 3 })).toEqual(['witnessed', 'refused'])
  })

  test('but not as many as a newcomer has, of accounts that have shown little', () => {
    const few = new Party({ accounts: 8, changes: { allowance: { newcomer: 3, rounds: 1000 } } })
    const allowances = few.members.map(({ account }) => ({ account, units: 2 }))
    allowances.sort((a, b) => (a.account < b.account ? -1 : 1))
    few.answerAll(few.deal(2, 4, { capacity: 3, allowances }))
    const from = { leaves: (cid: string) => few.blocks.get(cid), registration: (n: string) => few.registration(n) }
    expect(verdicts(writeCertificate(few.state(), window, from))).toBe('accepted')
  })

  test('a unit whose decline is taken away', () => {
    const file = dagJson.decode<any>(files.get('N = 3, a lie, a decline and a missed deadline')!)
    const unit = file.units.find(({ declines }: any) => declines.length > 0)
    unit.declines = []
    expect(verdicts(dagJson.encode(file))).toBe('refused')
  })

  test('a lie whose other results are taken away', () => {
    const file = dagJson.decode<any>(files.get('N = 3, a lie, a decline and a missed deadline')!)
    const unit = file.units.find(({ contested }: any) => contested.length > 0)
    unit.results = unit.results.filter((_: unknown, i: number) => i !== 1)
    expect(verdicts(dagJson.encode(file))).toBe('refused')
  })
})

test('it is one short file, and imports nothing of ours but the deal that was written a second time', () => {
  expect(readdirSync(import.meta.dir).filter((name) => /\.m?js(on)?$/.test(name))).toEqual(['verify.mjs'])
  const text = readFileSync(join(import.meta.dir, 'verify.mjs'), 'utf8')
  expect(text.endsWith('\n')).toBe(true)
  expect(text.split('\n').length - 1).toBeLessThanOrEqual(300)
  for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(120)
  const { dependencies, devDependencies } = JSON.parse(
    readFileSync(join(import.meta.dir, '../../package.json'), 'utf8'),
  )
  const packages = Object.keys({ ...dependencies, ...devDependencies })
  const borrowed = (from: string) =>
    from.startsWith('node:') || packages.some((name) => `${from}/`.startsWith(`${name}/`))
  const imports = [...text.matchAll(/\bfrom '([^']+)'/g)].map(([, from]) => from!)
  expect(imports.length).toBe(text.split('\n').filter((line) => line.startsWith('import ')).length)
  expect(imports.filter((from) => !borrowed(from))).toEqual(['../orbit/rules/deal/independent.mjs'])
  expect(text).not.toMatch(/\bimport\(|\brequire\(/)
  expect([...text.matchAll(/new URL\('([^']+)'/g)].map(([, path]) => path)).toEqual([
    '../../orbit/rules/certificate/certificate.schema.json',
  ])
  const deal = readFileSync(join(import.meta.dir, '../orbit/rules/deal/independent.mjs'), 'utf8')
  expect([...deal.matchAll(/\bfrom '([^']+)'/g)].map(([, from]) => from)).toEqual(['node:crypto'])
})

test('Node runs it, and it says what holds and what does not', () => {
  const directory = mkdtempSync(join(tmpdir(), 'verify-'))
  // By whatever path it is reached: it must not take itself for imported, and say nothing.
  symlinkSync(import.meta.dir, join(directory, 'linked'))
  const run = (bytes: Uint8Array) => {
    writeFileSync(join(directory, 'file'), bytes)
    const script = join(directory, 'linked', 'verify.mjs')
    const child = spawnSync(Bun.which('node') ?? process.execPath, [script, join(directory, 'file')], {
      encoding: 'utf8',
    })
    return `${child.status} ${child.stdout}${child.stderr}`
  }
  const bytes = files.get('adaptive, one of them exposed')!
  expect(run(bytes)).toMatch(/^0 VALID /)
  expect(run(bytes.slice(1))).toMatch(/^1 NOT VALID: /)
  rmSync(directory, { recursive: true })
})
