/**
 * Where two verifiers could part, or both be too lenient: what is superfluous, comes from the wrong people or too early, is of
 * another draw, or is well signed and not well formed. All of it is made from files that both accept, and both refuse it.
 */
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import { cidOf } from '../../orbit/rules/base/cid.ts'
import { sign } from '../../orbit/rules/base/statement.ts'
import { type Answer, Forger, type Shown } from './forger.ts'
import { type Troubled, troubled } from './troubled.ts'
import { bothVerdicts, secondVerdict } from './verdicts.ts'

setDefaultTimeout(300_000)

const partition = { bits: 20, units: 3, leaves: 4, hardSteps: 66, evidence: { flagBits: 0, items: 30 } }
const forger = new Forger({ accounts: 7, partition })
const answers = forger.answers()
const cid = (bytes: Uint8Array) => cidOf(bytes).toString()
const both = (file: object) => bothVerdicts(dagJson.encode(file))
const reason = (file: object) => secondVerdict(dagJson.encode(file))
const copy = (file: object = forger.file(answers)) => dagJson.decode<any>(dagJson.encode(file))
const signerOf = (bytes: Uint8Array) => Buffer.from(dagCbor.decode<any>(bytes).key).toString('hex')
/** Signed again by the same signer, with a change. */
const anew = (bytes: Uint8Array, change: object, by = forger) =>
  by.signed(signerOf(bytes), { ...dagCbor.decode<any>(bytes).body, ...change })
const stranger = (bytes: Uint8Array) => sign(dagCbor.decode<any>(bytes).body, new Uint8Array(32).fill(9)).bytes
const [plain, adaptive] = [troubled()[1]!, troubled()[3]!]

test('what these files are made from is valid', () => {
  for (const file of [forger.file(answers), plain.file, adaptive.file]) expect(both(file)).toBe('valid')
})

describe('both refuse', () => {
  const CHANGES: Record<string, [(file: any) => void, RegExp]> = {
    'a unit of the window dropped': [(file) => file.units.pop(), /units are missing/],
    'units out of order': [(file) => file.units.reverse(), /not sorted/],
    'a unit twice': [(file) => file.units.push(file.units.at(-1)), /not sorted/],
    'another window': [(file) => (file.window = `${BigInt(file.window) + 1n}`), /not dealt in the draw/],
    'a window below the baseline': [(file) => (file.window = '0'), /below the baseline/],
    'a scope that is none': [(file) => (file.scope = 'all'), /not of its form/],
    'something more': [(file) => (file.more = 1), /not of its form/],
    'a draw signed by a stranger': [
      (file) => (file.draws[0].draw = stranger(file.draws[0].draw)),
      /not by a coordinator/,
    ],
    'another beacon signature': [
      (file) => (file.draws[0].signature = new Uint8Array(48).fill(1)),
      /^beacon round 6 carries a wrong signature/,
    ],
    'a draw twice': [(file) => file.draws.push(file.draws[0]), /not sorted/],
    'a draw of an epoch before the first': [
      (file) => (file.draws[0].draw = anew(file.draws[0].draw, { epoch: 0 })),
      /trusts somebody|epoch/,
    ],
    'a draw that trusts where N must agree': [
      (file) => (file.draws[0].draw = anew(file.draws[0].draw, { trusted: [forger.members[0]!.account] })),
      /trusts somebody/,
    ],
    'a draw that offers what the partition has not': [
      (file) => (file.draws[0].draw = offering(file, [[0, 4]])),
      /offers what is not there, or twice/,
    ],
    'a draw that offers nothing': [
      (file) => (file.draws[0].draw = offering(file, [[2, 2]])),
      /offers what is not there/,
    ],
    'a draw that offers a unit twice': [
      (file) =>
        (file.draws[0].draw = offering(file, [
          [0, 2],
          [1, 3],
        ])),
      /or twice/,
    ],
    'a witness dropped': [(file) => file.draws[0].witnesses.pop(), /witnessed by 3 of 7 accounts/],
    'a witness more than it takes': [
      (file) => file.draws[0].witnesses.push(forger.heartbeat(forger.roster[4]!.node)),
      /more witnesses than it needs/,
    ],
    'a witness twice': [
      (file) => file.draws[0].witnesses.splice(0, 1, file.draws[0].witnesses[1]),
      /witnessed by 3 of 7 accounts/,
    ],
    'witnesses out of order': [(file) => file.draws[0].witnesses.reverse(), /not in order/],
    'a witness signed by a stranger': [
      (file) => (file.draws[0].witnesses[0] = stranger(file.draws[0].witnesses[0])),
      /a witness who does not name it/,
    ],
    'a witness of another draw': [
      (file) =>
        (file.draws[0].witnesses[0] = forger.heartbeat(forger.roster[0]!.node, [
          { epoch: 2, draw: cid(forger.genesis) },
        ])),
      /a witness who does not name it/,
    ],
    'a registration dropped': [(file) => file.registrations.pop(), /registrations are not those/],
    'a registration more': [
      (file) => {
        const unused = forger.members.find(
          ({ node }) => !file.registrations.some((r: any) => signerOf(r.consent) === node),
        )
        file.registrations.push(unused ? forger.registration(unused.node) : file.registrations[0])
      },
      /registrations are not those/,
    ],
    'registrations out of order': [(file) => file.registrations.reverse(), /registrations are not those/],
    'a registration without consent': [
      (file) => (file.registrations[0].consent = stranger(file.registrations[0].consent)),
      /not signed by both/,
    ],
    'a statement dropped': [(file) => file.statements.pop(), /no statement covers a result/],
    'a statement more': [
      (file) => {
        file.statements.push(anew(file.statements[0], { batch: 9 }))
        file.statements.sort((a: Uint8Array, b: Uint8Array) => (cid(a) < cid(b) ? -1 : 1))
        const places = forger
          .file(answers)
          .statements.map((s) => file.statements.findIndex((o: Uint8Array) => cid(o) === cid(s)))
        for (const unit of file.units) for (const r of unit.results) r.statement = places[r.statement]
      },
      /a statement that no unit needs/,
    ],
    'statements out of order': [
      (file) => {
        file.statements.reverse()
        for (const unit of file.units) {
          for (const r of unit.results) r.statement = file.statements.length - 1 - r.statement
        }
      },
      /not sorted/,
    ],
    'a statement signed by a stranger': [
      (file) => (file.statements[0] = stranger(file.statements[0])),
      /not sorted|no seat in the unit/,
    ],
    'a result dropped': [(file) => file.units[0].results.pop(), /fewer than 3 equal results count/],
    'results out of order': [(file) => file.units[0].results.reverse(), /not sorted/],
    'a result twice': [
      (file) => file.units[0].results.splice(1, 0, file.units[0].results[0]),
      /a result that does not count/,
    ],
    'a proof changed': [
      (file) => file.units[0].results[0].proof.push(new Uint8Array(32)),
      /an inclusion proof|no statement covers/,
    ],
    'another index': [(file) => (file.units[0].results[0].index += 1), /an inclusion proof|no statement covers/],
    'leaves of another unit': [
      (file) => (file.units[0].leaves = file.units[1].leaves),
      /^unit 0: (the peak of leaf|.*not the sum of its leaves|there are too)/,
    ],
    'the certified leaves once more, as contested': [
      (file) => file.units[0].contested.push(file.units[0].leaves),
      /leaves that nobody signed/,
    ],
    'a decline by a node without a seat': [
      (file) => file.units[0].declines.push(sign(declineBody(), new Uint8Array(32).fill(9)).bytes),
      /a node without a seat/,
    ],
    'a decline that changes nothing': [
      (file) => file.units[0].declines.push(forger.decline(0, forger.reserves[0]![0]!)),
      /a decline or an audit that it could do without/,
    ],
    'a draw that does not belong to the network': [
      (file) => (file.draws[0].draw = adaptive.file.draws[0]!.draw),
      /of another network/,
    ],
  }
  const declineBody = () => ({
    ...{ type: 'decline', network: forger.network, epoch: 2, window: `${forger.window}`, unit: 0 },
  })
  const offering = (file: any, runs: number[][]) =>
    anew(file.draws[0].draw, { offers: runs.map(([from, to]) => ({ window: `${forger.window}`, from, to })) })

  test.each(Object.keys(CHANGES))('%s', (name) => {
    const [change, sentence] = CHANGES[name]!
    const file = copy()
    change(file)
    expect(both(file)).toBe('refused')
    expect(reason(file)).toMatch(sentence)
  })
})

describe('both refuse what its own signer signed in another shape:', () => {
  const kinds: Record<string, [Troubled | null, (file: any) => [any, string | number], object]> = {
    'a witness': [null, (file) => [file.draws[0].witnesses, 0], { capacity: 4097 }],
    'a registration': [null, (file) => [file.registrations[0], 'registration'], { name: '' }],
    'a consent': [null, (file) => [file.registrations[0], 'consent'], { account: 'f'.repeat(63) }],
    'a draw': [null, (file) => [file.draws[0], 'draw'], { offers: [] }],
    'a statement': [null, (file) => [file.statements, 0], { size: 129 }],
    'a decline': [plain, (file) => [file.units[1].declines, 0], { unit: 65_536 }],
    'an audit': [adaptive, (file) => [file.units[0].audits, 0], { claims: [] }],
  }
  test.each(Object.keys(kinds))('%s', (name) => {
    const [of, find, wrong] = kinds[name]!
    const by = of?.forger ?? forger
    const verdict = (change: object) => {
      const file = copy(of?.file)
      const [list, at] = find(file)
      list[at] = anew(list[at], change, by)
      return [both(file), reason(file)]
    }
    expect(verdict({})[0]).toBe('valid')
    expect(verdict({ more: 1 })).toEqual(['refused', expect.stringMatching(/is not of its form/)])
    expect(verdict(wrong)).toEqual(['refused', expect.stringMatching(/is not of its form/)])
    expect(verdict({ network: 'b'.padEnd(59, 'a') })[0]).toBe('refused')
  })
  test.each(['\u0000', ' a', 'a\u200b', '\u202ea', 'a\u200d\u200db', 'x'.repeat(401), ''])('the name %j', (name) => {
    const file = copy()
    file.registrations[0].registration = anew(file.registrations[0].registration, { name })
    expect(both(file)).toBe('refused')
  })
  test.each(['a', 'a b', 'a\u200db', '👩‍👩‍👧‍👦', 'x'.repeat(400), 'ñ'])('but not the name %j', (name) => {
    const file = copy()
    file.registrations[0].registration = anew(file.registrations[0].registration, { name })
    expect(both(file)).toBe('valid')
  })
})

describe('turns, audits and differences:', () => {
  /** Unit 0 by these; the other units by their quorums. */
  const by = (own: Answer[], options: Parameters<Forger['file']>[1] = {}) =>
    forger.file([...own, ...answers.filter(({ unit }) => unit !== 0)], options)
  const [quorum, reserve] = [forger.quorums[0]!, forger.reserves[0]!]
  const { seed } = forger
  const at = (node: string, round: number) => forger.answer(0, node, undefined, round)
  const two = quorum.slice(0, 2).map((node) => at(node, seed))

  test('the reserve may answer from its deadline on, and not a round before', () => {
    expect(both(by([...two, at(reserve[0]!, seed + 100)]))).toBe('valid')
    expect(both(by([...two, at(reserve[0]!, seed + 99)]))).toBe('refused')
  })
  test('nobody may answer after three deadlines', () => {
    expect(both(by(quorum.map((node) => at(node, seed + 300))))).toBe('valid')
    expect(both(by(quorum.map((node) => at(node, seed + 301))))).toBe('refused')
  })
  test('a decline lets the first of the reserve answer, and not the second', () => {
    const declines = [[0, quorum[2]!]] as const
    expect(both(by([...two, at(reserve[0]!, seed)], { declines }))).toBe('valid')
    expect(both(by([...two, at(reserve[1]!, seed)], { declines }))).toBe('refused')
  })
  test('a unit whose decline is taken away is refused', () => {
    const file = copy(plain.file)
    file.units[1].declines = []
    expect(both(file)).toBe('refused')
  })
  test('a lie whose leaves are taken away is refused, and so is one that is taken out', () => {
    const hidden = copy(plain.file)
    hidden.units[0].contested = []
    expect(both(hidden)).toBe('refused')
    const out = copy(plain.file)
    out.units[0].results.splice(1, 1)
    expect(both(out)).toBe('refused')
  })
  test('audits dropped, of another unit, or in another order are refused', () => {
    for (const change of [
      (unit: any) => unit.audits.pop(),
      (unit: any) => (unit.audits = []),
      (unit: any) => unit.audits.reverse(),
      (unit: any) => (unit.leaves = null),
      (unit: any) =>
        unit.audits.push(
          ...adaptive.forger
            .audits(1, adaptive.forger.honest(1, adaptive.forger.seatsOf(1)[1]!).leaves)
            .map((a) => a.audit),
        ),
    ]) {
      const file = copy(adaptive.file)
      change(file.units[0])
      expect(both(file)).toBe('refused')
    }
  })
  test('the one result of a trusted account has to show twice the evidence', () => {
    const { forger: by, file } = adaptive
    const [node] = by.seatsOf(0) as [string]
    // Half of what would do for one of several.
    const isHalf = (_: bigint, i: number) => i % 2 === 0
    const half = (shown: Shown) => ({ ...shown, items: shown.items.map((list) => list.filter(isHalf)) })
    const single = by.answer(0, node, half)
    const several = forger.file([forger.answer(0, forger.quorums[0]![0]!, half), ...answers.slice(1)])
    expect(both(several)).toBe('valid')
    const others = { audits: new Map([[0, by.audits(0, single.leaves)]]) }
    expect(file.units[0]!.audits).toHaveLength(2)
    expect(reason(by.file([single], others))).toMatch(/its evidence falls short/)
    expect(both(by.file([single], others))).toBe('refused')
  })
})
