/**
 * A draw looked at again, from documents alone, by whoever has them and however long ago it was:
 * was it sealed by whom, and does it say what, the rules ask for, and does it stand. What nodes
 * looked at when it came (check.ts) is looked at again as of then: by draws, answers, heartbeats
 * and registrations that carry no later beacon round. When exactly it was sealed, no document says;
 * so it is judged as of several rounds, and what holds as of one of them holds.
 *
 * Documents are dropped when their windows are settled (settled-window.ts). What they would be
 * needed for is `unknown`, and said to be; the draw itself, its beacon round and with them the deal
 * stay.
 */

import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import { cidOf } from '../base/cid.ts'
import type { Memory } from '../base/memory.ts'
import { open, RuleError } from '../base/statement.ts'
import { assign, checkDraw } from '../deal/assignment.ts'
import { mayStepIn, turnOf } from '../deal/coordinators.ts'
import { accountsOn, witnessesNeeded, witnessesOf } from '../deal/witness.ts'
import { heartbeatIn, newestHeartbeats } from '../membership/heartbeats.ts'
import { admit } from '../message/admit.ts'
import { openAnswer } from '../message/answers.ts'
import { type DrawBody, drawBody, type HeartbeatBody, heartbeatBody } from '../message/bodies.ts'
import { beaconDocument, databaseName, statementDocument } from '../message/documents.ts'
import { openRegistration } from '../message/registration.ts'
import type { Assignment } from '../message/unit.ts'
import { verifyRound } from '../network/beacon.ts'
import type { Genesis } from '../network/genesis.ts'
import { seedRound, settledAfter, witnessedBy } from '../network/schedule.ts'
import type { State } from '../state/state.ts'
import { type DrawFault, drawFault } from './check.ts'
import { LONG_AGO } from './registration-age.ts'
import type { DrawInputs } from './review-inputs.ts'

export type Check =
  | 'sealed'
  | 'beacon'
  | 'offers'
  | 'cited'
  | 'roster'
  | 'excluded'
  | 'trusted'
  | 'allowances'
  | 'left out'
  | 'witnesses'
  | 'here'
  | 'deal'

export interface Finding {
  readonly check: Check
  /** unknown: what it would take is not here, or not any more. */
  readonly result: 'holds' | 'fails' | 'unknown'
  readonly says: string
}

export interface DrawReview {
  /** null: nothing is wrong with it, and nothing is left that shows that it stands. */
  readonly valid: boolean | null
  /** The first that fails, in a sentence. */
  readonly fault: string | null
  readonly findings: readonly Finding[]
  /** Empty if its draw is ill-formed or its beacon round wrong. */
  readonly assignments: readonly Assignment[]
  /** dealDigest() of them. */
  readonly digest: string
  /** Accounts that witness it, by a node each; how many of how many have to. */
  readonly witnesses: { readonly accounts: number; readonly needed: number; readonly of: number }
}

/** What drawFault() looks at, in that order. */
const JUDGED = ['offers', 'cited', 'roster', 'excluded', 'trusted', 'allowances', 'left out'] as const
type Judged = (typeof JUDGED)[number]

const LINE_OF: Partial<Record<DrawFault, Judged>> = {
  'ill-formed': 'offers',
  'the pool heads that it cites are not here': 'cited',
  'a node on its roster is not registered here': 'roster',
  'a node on its roster registered later than it says': 'roster',
  'its roster does not follow from the pool heads that it cites': 'roster',
  'it excludes an account without cause': 'excluded',
  'it trusts an account without cause': 'trusted',
  'it allows an account more than it has shown work for': 'allowances',
  'it allows an account less than it has shown work for': 'allowances',
  'it leaves out nodes that are there': 'left out',
}

const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`
const short = (key: string): string => key.slice(0, 12)

/** @param present the state that follows from all documents, now */
export function reviewDraw(inputs: DrawInputs, present: State): DrawReview {
  const { draw, signature } = inputs
  const witnesses = witnessLine(inputs, present)
  const stands = witnesses.finding.result === 'holds'
  const findings: Finding[] = [sealedLine(inputs, present, stands)]
  const { assignments, beacon, fault } = dealt(inputs, draw.body, signature)
  findings.push(beacon)
  findings.push(...judgedLines(inputs, fault))
  findings.push(witnesses.finding, hereLine(inputs))
  const digest = dealDigest(assignments)
  if (assignments.length > 0) {
    findings.push({
      check: 'deal',
      result: 'holds',
      says: `${counted(assignments.length, 'unit')} dealt; SHA-256 ${digest}`,
    })
  }
  const failed = findings.find(({ result }) => result === 'fails')
  const valid = failed ? false : stands ? true : null
  const { accounts, needed, of } = witnesses
  return {
    ...{ valid, fault: failed ? failed.says : null, findings, assignments, digest },
    witnesses: { accounts, needed, of },
  }
}

/**
 * SHA-256, as hex, of the deal as text: a line for each unit in the order of the deal, of window,
 * unit, the quorum's node keys and the reserve's, these with commas between them, all with spaces
 * between them, and each line ended by a newline.
 */
export function dealDigest(assignments: readonly Assignment[]): string {
  const lines = assignments.map((a) => `${a.window} ${a.unit} ${a.quorum.join(',')} ${a.reserve.join(',')}\n`)
  return bytesToHex(sha256(utf8ToBytes(lines.join(''))))
}

function sealedLine({ genesis, draw }: DrawInputs, { equivocations }: State, stands: boolean): Finding {
  const { signer, body } = draw
  const { coordinators } = genesis.body
  const who = `coordinator ${short(signer)}`
  if (!coordinators.includes(signer)) {
    return {
      check: 'sealed',
      result: 'fails',
      says: `it is sealed by ${short(signer)}, whom the genesis does not name`,
    }
  }
  const two = equivocations.find(({ coordinator, epoch }) => coordinator === signer && epoch <= body.epoch)
  if (two && !stands) {
    return { check: 'sealed', result: 'fails', says: `its ${who} sealed two draws for epoch ${two.epoch}` }
  }
  const turn = turnOf(coordinators, draw)
  const seed = seedRound(genesis, body.epoch)
  let from = seed - genesis.body.epoch.rounds
  while (from < seed && !mayStepIn(genesis, signer, body.epoch, from)) from++
  if (from >= seed) return { check: 'sealed', result: 'fails', says: `${who} had no turn in epoch ${body.epoch}` }
  const place = turn === 0 ? 'whose turn it was' : `number ${turn + 1} of ${coordinators.length} in turn`
  const exposed = two ? `; it sealed two for epoch ${two.epoch}, and this one was witnessed before that was known` : ''
  return { check: 'sealed', result: 'holds', says: `by ${who}, ${place}: it may seal from round ${from} on${exposed}` }
}

function dealt({ genesis, memory }: DrawInputs, body: DrawBody, signature: Uint8Array) {
  const round = seedRound(genesis, body.epoch)
  const of = `round ${round} of chain ${genesis.chain.hash.slice(0, 16)}…`
  const holds: Finding = { check: 'beacon', result: 'holds', says: `${of}: its signature is right` }
  try {
    return { assignments: assign(genesis, body, signature, undefined, memory), beacon: holds, fault: null }
  } catch (error) {
    if (!(error instanceof RuleError)) throw error
    const { message } = error
    const none: readonly Assignment[] = []
    // An ill-formed draw is not dealt, whatever its round.
    if (isWellFormed(genesis, body)) {
      return { assignments: none, beacon: { check: 'beacon', result: 'fails', says: message } as Finding, fault: null }
    }
    return { assignments: none, beacon: { ...holds, result: 'unknown', says: of } as Finding, fault: message }
  }
}

function isWellFormed(genesis: Genesis, body: DrawBody): boolean {
  try {
    checkDraw(genesis, body)
    return true
  } catch {
    return false
  }
}

/** @param illFormed why it is, or null */
function judgedLines(inputs: DrawInputs, illFormed: string | null): Finding[] {
  const { draw } = inputs
  if (illFormed !== null) return afterwards('offers', { check: 'offers', result: 'fails', says: illFormed }, inputs)
  let cited: HeartbeatBody[] | null
  try {
    cited = inputs.cited && checkedHeartbeats(inputs, inputs.cited)
  } catch (error) {
    if (!(error instanceof RuleError)) throw error
    const says = `under the pool heads that it cites lies ${error.message}`
    return afterwards('cited', { check: 'cited', result: 'fails', says }, inputs)
  }
  if (!cited) {
    const gone = inputs.dropped.has(draw.body.epoch) ? ' any more: the pools of settled epochs are dropped' : ''
    const says = `the pool heads that it cites are not here${gone}`
    return afterwards('cited', { check: 'cited', result: 'unknown', says }, inputs)
  }
  const fault = faultThen(inputs, cited)
  if (fault === null) return JUDGED.map((check) => heldLine(check, inputs))
  const check = LINE_OF[fault] ?? 'left out'
  const isGone =
    fault.endsWith('not registered here') ||
    // When it came here is no evidence against what most of its roster say.
    fault.endsWith('registered later than it says') ||
    (check === 'roster' && !areSeatsHere(inputs)) ||
    (JUDGED.indexOf(check) > 2 && !isAllHere(inputs))
  const says = isGone ? `can't be checked: not all that it rests on is here` : fault
  return afterwards(check, { check, result: isGone ? 'unknown' : 'fails', says }, inputs)
}

/** What comes before a finding holds, and what comes after it was not looked at. */
function afterwards(at: Judged, finding: Finding, inputs: DrawInputs): Finding[] {
  const place = JUDGED.indexOf(at)
  return JUDGED.map((check, i) => {
    if (i < place) return heldLine(check, inputs)
    return i === place ? finding : { check, result: 'unknown', says: `not looked at: see "${at}"` }
  })
}

function heldLine(check: Judged, { draw: { body }, cited }: DrawInputs): Finding {
  const holds = (says: string): Finding => ({ check, result: 'holds', says })
  const nobody = (list: readonly unknown[], says: string) => (list.length === 0 ? 'nobody' : says)
  switch (check) {
    case 'offers': {
      const units = body.offers.reduce((sum, { from, to }) => sum + to - from, 0)
      return holds(`${counted(units, 'unit')} from window ${body.offers[0]!.window} on, above the baseline, none twice`)
    }
    case 'cited':
      return holds(`${counted(cited?.length ?? 0, 'heartbeat')} under the pool heads that it cites, each signed`)
    case 'roster': {
      const tickets = body.roster.reduce((sum, { capacity }) => sum + capacity, 0)
      const of = `${counted(body.roster.length, 'node')} of ${counted(accountsOn(body), 'account')}, ${counted(tickets, 'ticket')}`
      return holds(`${of}: recomputed from those heartbeats, the same`)
    }
    case 'excluded':
      return holds(nobody(body.excluded, `${counted(body.excluded.length, 'account')}, for cause`))
    case 'trusted':
      return holds(nobody(body.trusted, `${counted(body.trusted.length, 'account')}, for their record`))
    case 'allowances':
      return holds(nobody(body.allowances, `of ${counted(body.allowances.length, 'account')}, by work shown`))
    case 'left out':
      return holds('of the nodes that were there, as known here, no more than news may miss')
  }
}

/** @throws {RuleError} naming one that is not what it should be */
function checkedHeartbeats({ genesis, memory }: DrawInputs, cited: NonNullable<DrawInputs['cited']>): HeartbeatBody[] {
  const all = cited.map(({ span, key, document }) => {
    const parsed = statementDocument.safeParse(document)
    if (!parsed.success) throw new RuleError('what is no heartbeat')
    return { span, key, document, ...open(parsed.data.statement, heartbeatBody, 'a heartbeat that', memory) }
  })
  // What the roster follows from is checked whole; of the older ones, that their nodes signed them.
  const newest = new Set(newestHeartbeats(all.map(({ body }) => body)).values())
  for (const { span, key, document, signer, body } of all) {
    if (!newest.has(body)) continue
    const fault = admit(genesis, databaseName('pool', span), signer, key, document, memory)
    if (fault !== null) throw new RuleError(`a heartbeat of node ${short(signer)} that is refused: ${fault}`)
  }
  return all.map(({ body }) => body)
}

/** Judged by the states that there may have been when it was sealed, likelier ones first. */
function faultThen(inputs: DrawInputs, cited: readonly HeartbeatBody[]): DrawFault | null {
  const { genesis, draw, documents, memory, arrivals = LONG_AGO } = inputs
  const last = seedRound(genesis, draw.body.epoch) - 1
  const known = documents.pool.map((document) => heartbeatIn(document, memory)).filter(({ round }) => round <= last)
  const states: State[] = []
  let fault: DrawFault | null = null
  for (const moment of moments(inputs, cited)) {
    // A registration made anew may have been under way.
    for (const registered of new Set([moment, last + 1 - genesis.body.epoch.rounds])) {
      states.push(stateAt(inputs, moment, registered))
      const [first, ...others] = states as [State, ...State[]]
      fault = drawFault(draw, { states: [first, ...others], arrived: last, round: last, cited, known, arrivals })
      if (fault === null) return null
    }
  }
  return fault
}

/** Rounds as of which it may have been sealed, likelier ones first. */
function moments({ genesis, draw }: DrawInputs, cited: readonly HeartbeatBody[]): Set<number> {
  const { signer, body } = draw
  const seed = seedRound(genesis, body.epoch)
  let first = Math.max(seed - genesis.body.epoch.rounds, ...cited.map(({ round }) => round))
  while (first < seed - 1 && !mayStepIn(genesis, signer, body.epoch, first)) first++
  return new Set([first, first + 1, first - 1, seed - 1].map((round) => Math.min(round, seed - 1)))
}

/**
 * As it was then, as far as documents say when they were made. The equivocations that are known now
 * were not.
 */
function stateAt(
  { genesis, draw, documents, history, memory, stateOf }: DrawInputs,
  round: number,
  registered: number,
): State {
  const { epoch } = draw.body
  const isBefore = (document: unknown) => {
    const beacon = beaconDocument.safeParse(document)
    if (beacon.success) return beacon.data.round <= round
    return open(statementDocument.parse(document).statement, drawBody, 'the draw', memory).body.epoch < epoch
  }
  const isOld = (settled: { dealtAt: number }) => settled.dealtAt < seedRound(genesis, epoch)
  const state = stateOf(
    {
      accounts: documents.accounts.filter(
        (document) => openRegistration(genesis, document, memory).round <= registered,
      ),
      pool: documents.pool.filter((document) => heartbeatIn(document, memory).round <= round),
      draws: documents.draws.filter(isBefore),
      results: documents.results.filter((document) => roundOf(document, memory) <= round),
    },
    new Map([...history].filter(([, settled]) => isOld(settled))),
  )
  return { ...state, equivocations: [] }
}

/** The beacon round that an answer carries; a decline carries none. */
function roundOf(document: unknown, memory: Memory): number {
  const answer = openAnswer(document, memory)
  return answer.type === 'decline' ? 0 : answer.statement.body.round
}

/** Whether the witnesses are here of all draws that may have taken newcomers' seats (roster.ts). */
function areSeatsHere({ genesis, draw, dropped }: DrawInputs): boolean {
  const since = seedRound(genesis, draw.body.epoch) - genesis.body.deadlineRounds
  return ![...dropped].some((epoch) => epoch < draw.body.epoch && seedRound(genesis, epoch) > since)
}

/** Whether all is here that exclusions, trust and allowances of then rest on. */
function isAllHere({ genesis, draw, dropped, history }: DrawInputs): boolean {
  const seed = seedRound(genesis, draw.body.epoch)
  const counts = (epoch: number) => settledAfter(genesis, epoch) >= seed - genesis.body.epoch.rounds
  const later = [...history.values()].some(({ dealtAt, convictions }) => dealtAt >= seed || convictions.length > 0)
  return !later && ![...dropped].some((epoch) => epoch <= draw.body.epoch && counts(epoch))
}

function witnessLine(inputs: DrawInputs, { witnesses, nodes }: State) {
  const { genesis, draw, certificate, dropped, round, verdict } = inputs
  const { body } = draw
  const found = witnessesOf(body, witnesses.get(cidOf(draw.bytes).toString())).filter(({ body: heartbeat }) =>
    isAdmitted(inputs, heartbeat),
  )
  const [needed, of] = [witnessesNeeded(body), accountsOn(body)]
  const line = (accounts: number, result: Finding['result'], says: string) => ({
    ...{ accounts, needed, of },
    finding: { check: 'witnesses', result, says } as Finding,
  })
  const said = (k: number) => `${k} of ${counted(of, 'account')}, ${needed} are needed`
  const names = found.map(({ signer }) => nodes.get(signer)?.name ?? short(signer)).join(', ')
  if (found.length >= needed) return line(found.length, 'holds', `${said(found.length)}: ${names}`)
  if (certificate !== null) {
    return line(needed, 'holds', `${said(needed)}: the certificate of window ${certificate} has so many`)
  }
  if (dropped.has(body.epoch)) {
    return line(found.length, 'unknown', 'the heartbeats of that time are dropped, and no certificate here rests on it')
  }
  // By then all who had it in time have said so.
  if (round <= witnessedBy(genesis, body.epoch)) {
    return line(found.length, 'unknown', `so far ${said(found.length)}: it does not stand yet`)
  }
  const refused = verdict ? `; this node refused it: ${verdict}` : ''
  return line(found.length, 'fails', `witnessed by ${said(found.length)}: it does not stand${refused}`)
}

/** Its node signed it when its beacon round was out. */
function isAdmitted({ genesis, memory }: DrawInputs, heartbeat: HeartbeatBody): boolean {
  try {
    return verifyRound(genesis.chain, heartbeat.round, heartbeat.beacon, memory).length === 32
  } catch (error) {
    if (error instanceof RuleError) return false
    throw error
  }
}

function hereLine({ verdict }: DrawInputs): Finding {
  if (verdict === undefined) return { check: 'here', result: 'unknown', says: 'this node was not there when it came' }
  if (verdict === null) return { check: 'here', result: 'holds', says: 'this node had it in time and accepted it' }
  return { check: 'here', result: 'unknown', says: `this node refused it: ${verdict}` }
}
