/** Who has the documents of a draw can look at all of it again later, and sees what a node would have refused. */
import { beforeEach, describe, expect, test } from 'bun:test'
import { cidOf } from '../../../../orbit/rules/base/cid.ts'
import { sign } from '../../../../orbit/rules/base/statement.ts'
import { type Check, dealDigest, reviewDraw } from '../../../../orbit/rules/draw/review.ts'
import type { DrawInputs } from '../../../../orbit/rules/draw/review-inputs.ts'
import { nextDraw } from '../../../../orbit/rules/draw/seal.ts'
import type { DrawBody, HeartbeatBody } from '../../../../orbit/rules/message/bodies.ts'
import { documentKey } from '../../../../orbit/rules/message/documents.ts'
import { seedRound } from '../../../../orbit/rules/network/schedule.ts'
import { NO_HISTORY } from '../../../../orbit/rules/state/settled-window.ts'
import { stateOf } from '../../../../orbit/rules/state/state.ts'
import { beaconAt, Party } from '../party.ts'

/** Eight nodes that have been there since round 4; the draw is of epoch 5, R = 15, sealed at round 14. */
const EPOCH = 5
const SEALED = 14
let party: Party
let heartbeats: HeartbeatBody[]
let documents: unknown[]
let honest: DrawBody

beforeEach(() => {
  party = new Party({ accounts: 8 })
  heartbeats = party.members.map(({ node }) => party.beat(node, 4, { capacity: 3 }))
  documents = [...party.documents.pool]
  const cited = { cited: [{ span: 0, heads: ['zdpuHead'] }], heartbeats }
  honest = nextDraw(party.state(), SEALED, party.unitsPerWindow, cited)!
})

/** Published and, by so many, witnessed. */
function publish(body: DrawBody, { by = 0, witnesses = 8 } = {}) {
  const draw = sign(body, party.members[by]!.nodeSecret)
  party.documents.draws.push({ statement: draw.bytes })
  const witnessed = [{ epoch: body.epoch, draw: cidOf(draw.bytes).toString() }]
  for (const { node } of party.members.slice(0, witnesses)) party.beat(node, SEALED, { witnessed })
  return draw
}

function review(draw: DrawInputs['draw'], changes: Partial<DrawInputs> = {}) {
  const seed = seedRound(party.genesis, draw.body.epoch)
  party.documents.draws.push({ round: seed, signature: beaconAt(seed) })
  const all = party.documents
  const { memory } = party
  const papers: DrawInputs = {
    ...{ genesis: party.genesis, draw, signature: beaconAt(seed), documents: all, history: NO_HISTORY, memory },
    stateOf: (some, history) => stateOf(party.genesis, party.unitsPerWindow, some, party.knowledge, history, memory),
    cited: heartbeats.map((body, i) => ({
      ...{ span: 0, document: documents[i] },
      key: documentKey.heartbeat(body.node, Math.floor(body.round / party.genesis.body.epoch.rounds), body),
    })),
    ...{ dropped: new Set(), certificate: null, round: 1000, verdict: null },
    ...changes,
  }
  return reviewDraw(papers, papers.stateOf(all, papers.history))
}

const resultOf = ({ findings }: ReturnType<typeof review>, check: Check) =>
  findings.find((finding) => finding.check === check)?.result

test('an honest draw holds in every point, and its deal is what each node computed', () => {
  const found = review(publish(honest))
  expect(found.findings.filter(({ result }) => result !== 'holds')).toEqual([])
  expect(found).toMatchObject({ valid: true, fault: null, witnesses: { accounts: 8, needed: 5, of: 8 } })
  expect(found.assignments).toEqual([...party.state().draws.get(EPOCH)!.assignments])
  expect(found.digest).toBe(dealDigest(found.assignments))
  expect(found.digest).not.toBe(dealDigest(found.assignments.slice(1)))
})

test('what came since changes nothing: later draws, work, misses and registrations', () => {
  const draw = publish(honest)
  for (const epoch of [6, 7, 8]) party.answerAll(party.deal(epoch, 6))
  party.deal(9, 6)
  expect(review(draw)).toMatchObject({ valid: true, fault: null })
})

describe('though most of its roster witness it, a draw is not valid', () => {
  test('that omits a node which its heads contain', () => {
    const found = review(publish({ ...honest, roster: honest.roster.slice(1) }))
    expect(found).toMatchObject({ valid: false, fault: expect.stringContaining('does not follow from the pool heads') })
    expect(resultOf(found, 'roster')).toBe('fails')
    expect(resultOf(found, 'cited')).toBe('holds')
  })

  test('that excludes somebody without cause', () => {
    const [out] = honest.roster as [DrawBody['roster'][0]]
    const body = { ...honest, excluded: [out.account], roster: honest.roster.filter((entry) => entry !== out) }
    const found = review(publish(body))
    expect(found).toMatchObject({ valid: false, fault: 'it excludes an account without cause' })
    expect(resultOf(found, 'roster')).toBe('holds')
  })

  test('that allows somebody what he has shown no work for', () => {
    const [{ account }] = honest.roster as [DrawBody['roster'][0]]
    const found = review(publish({ ...honest, allowances: [{ account, units: 131_072 }] }))
    expect(found.valid).toBe(false)
    expect(resultOf(found, 'allowances')).toBe('fails')
  })

  test('that no coordinator sealed, or one that sealed two and is not witnessed', () => {
    expect(review(publish(honest, { by: 1 }))).toMatchObject({
      valid: false,
      fault: expect.stringContaining('whom the genesis does not name'),
    })
    const draw = publish(honest, { witnesses: 0 })
    publish({ ...honest, offers: [{ ...honest.offers[0]!, to: 1 }] }, { witnesses: 0 })
    expect(review(draw)).toMatchObject({ valid: false, fault: expect.stringContaining('sealed two draws for epoch 5') })
  })

  test('that is ill-formed, or whose beacon round is another', () => {
    const found = review(publish({ ...honest, roster: [...honest.roster].reverse() }))
    expect(found).toMatchObject({ valid: false, fault: expect.stringContaining('roster is not sorted') })
    const other = review(publish(honest), { signature: beaconAt(16) })
    expect(other).toMatchObject({ valid: false, assignments: [], fault: expect.stringContaining('wrong signature') })
    expect(resultOf(other, 'beacon')).toBe('fails')
  })

  test('whose heads contain a heartbeat that its node did not sign', () => {
    const forged = sign(heartbeats[3]!, party.members[4]!.nodeSecret).bytes
    documents[3] = { statement: forged }
    const found = review(publish(honest))
    expect(found.valid).toBe(false)
    expect(resultOf(found, 'cited')).toBe('fails')
  })
})

describe('a draw that too few had in time', () => {
  test('does not stand, and what this node refused it for is said', () => {
    const verdict = 'late: it came when its beacon round was out'
    const found = review(publish(honest, { witnesses: 4 }), { verdict })
    expect(found.valid).toBe(false)
    expect(found.fault).toBe(
      `witnessed by 4 of 8 accounts, 5 are needed: it does not stand; this node refused it: ${verdict}`,
    )
  })

  test('may stand yet while those who had it can still say so', () => {
    const round = seedRound(party.genesis, EPOCH) + 1
    const found = review(publish(honest, { witnesses: 4 }), { round })
    expect(found).toMatchObject({ valid: null, fault: null })
    expect(resultOf(found, 'witnesses')).toBe('unknown')
  })
})

describe('when its documents were dropped', () => {
  const dropped = new Set([EPOCH])

  test('a certificate that rests on it shows that it stood; what the pool would show is said to be unknown', () => {
    const found = review(publish(honest, { witnesses: 0 }), { dropped, cited: null, certificate: 7n })
    expect(found).toMatchObject({ valid: true, fault: null })
    expect(found.findings.find(({ check }) => check === 'cited')).toMatchObject({
      result: 'unknown',
      says: 'the pool heads that it cites are not here any more: the pools of settled epochs are dropped',
    })
    for (const check of ['roster', 'excluded', 'trusted', 'allowances', 'left out'] as const) {
      expect(resultOf(found, check)).toBe('unknown')
    }
  })

  test('and none does, nothing is claimed', () => {
    const found = review(publish(honest, { witnesses: 0 }), { dropped, cited: null })
    expect(found).toMatchObject({ valid: null, fault: null })
  })

  test('no account is said to be left out without cause', () => {
    const [out] = honest.roster as [DrawBody['roster'][0]]
    const body = { ...honest, excluded: [out.account], roster: honest.roster.filter((entry) => entry !== out) }
    const found = review(publish(body), { dropped: new Set([4]) })
    expect(found).toMatchObject({ valid: true, fault: null })
    expect(resultOf(found, 'excluded')).toBe('unknown')
  })
})
