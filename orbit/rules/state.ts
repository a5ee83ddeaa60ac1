/**
 * The state of a network as a pure function of its documents, in whatever order they came: who is registered, which
 * units were dealt to whom, which are certified, how far the frontier is. Nothing in here is ever received.
 */
import { openRegistration, type Registration } from './admit.ts'
import { type Assignment, assign, checkDraw, seedRound } from './assignment.ts'
import { dealtUnitKey, type Evidence, evidenceOf, type Reveal } from './batch.ts'
import { type Conviction, convictionsOf } from './convictions.ts'
import { type Equivocation, equivocationsIn, turnOf } from './coordinators.ts'
import {
  beaconDocument,
  type DrawBody,
  drawBody,
  type HeartbeatBody,
  heartbeatBody,
  statementDocument,
} from './events.ts'
import { type Frontier, frontierOf } from './frontier.ts'
import { cidOf, type Genesis } from './genesis.ts'
import { type History, NO_HISTORY, type SettledWindow, settledConviction, settledWindow } from './history.ts'
import { type Knowledge, NO_KNOWLEDGE, type Refusal, type Settlement, settle, type WantedLeaf } from './quorum.ts'
import { newestHeartbeats } from './roster.ts'
import { compareBytes, equalBytes, open, RuleError, type Statement } from './statement.ts'
import { LEVELS, type Level, levelOf } from './trust.ts'
import { accountsOn, isWitnessed, type Witnesses, witnessesIn } from './witness.ts'

/** Documents that admit.ts has let in. */
export interface Documents {
  readonly accounts: Iterable<unknown>
  readonly pool: Iterable<unknown>
  readonly draws: Iterable<unknown>
  readonly results: Iterable<unknown>
}

export interface DealtDraw {
  readonly draw: Statement<DrawBody>
  /** CID of the draw. */
  readonly cid: string
  /** The signature of R(epoch). */
  readonly signature: Uint8Array
  readonly assignments: readonly Assignment[]
}

export interface CertifiedUnit {
  readonly assignment: Assignment
  /** All that agree, N or more, or one and its audit; in the order of the deal, of accounts not all of whom are convicted. */
  readonly results: readonly Reveal[]
  readonly settlement: Settlement
}

export interface WindowState {
  readonly window: bigint
  /** By unit index, with the evidence. Empty for a settled window. */
  readonly certified: ReadonlyMap<number, CertifiedUnit>
  /** What is remembered of a window that is over, or null. */
  readonly settled: SettledWindow | null
  readonly disputed: ReadonlySet<number>
  readonly complete: boolean
}

export const isUnitCertified = (window: WindowState | undefined, unit: number): boolean =>
  window !== undefined && (window.settled !== null || window.certified.has(unit))

export const unitsCertified = ({ settled, certified }: WindowState): number => settled?.units ?? certified.size

/** The lowest level among accounts. */
export function levelAmong({ accounts }: State, keys: readonly string[]): Level {
  const found = accounts.filter(({ account }) => keys.includes(account)).map(({ level }) => level)
  return LEVELS[Math.min(...found.map((level) => LEVELS.indexOf(level)))] ?? 'UNTRUSTED'
}

/** By draw, whose the nodes on its roster were. */
const rosters = new WeakMap<DrawBody, ReadonlyMap<string, string>>()

/**
 * Whose a node was when the units of an epoch were dealt. If another account takes it for its own later, what it did then
 * is still the first one's.
 */
export function accountAt({ draws, nodes }: Pick<State, 'draws' | 'nodes'>, epoch: number, node: string) {
  const body = draws.get(epoch)?.draw.body
  if (body && !rosters.has(body)) {
    rosters.set(body, new Map(body.roster.map((entry) => [entry.node, entry.account])))
  }
  return (body && rosters.get(body)!.get(node)) ?? nodes.get(node)?.account
}

/** What a complete window comes to, whether it is settled or not. */
export function summaryOf(state: State, { window, settled, certified }: WindowState): SettledWindow {
  if (settled) return settled
  const units = [...certified.values()].map(({ assignment, results }) => ({
    epoch: assignment.epoch,
    result: results[0]!.item.result,
    accounts: results.flatMap(({ node }) => accountAt(state, assignment.epoch, node) ?? []),
  }))
  const convictions = state.convictions.filter((c) => c.window === window).map(settledConviction)
  return settledWindow(state.genesis, window, units, convictions)
}

export interface AccountState {
  readonly account: string
  readonly name: string
  readonly nodes: readonly string[]
  /** Units certified with a result of this account. */
  readonly units: number
  readonly hardNumbers: number
  /** R(e) of its newest certified unit. */
  readonly lastRound: number | null
  readonly level: Level
}

export interface State {
  readonly genesis: Genesis
  readonly nodes: ReadonlyMap<string, Registration>
  /** The newest of each node. */
  readonly heartbeats: ReadonlyMap<string, HeartbeatBody>
  readonly witnesses: Witnesses
  /** By epoch: dealt draws only. */
  readonly draws: ReadonlyMap<number, DealtDraw>
  /** Coordinators that sealed two draws for one epoch: none of theirs stands from that epoch on. */
  readonly equivocations: readonly Equivocation[]
  /** Draws whose R(e) is not known yet. */
  readonly sealed: ReadonlyMap<number, Statement<DrawBody>>
  readonly windows: ReadonlyMap<bigint, WindowState>
  readonly evidence: Evidence
  /** Of each unit of each deal that somebody has answered for, by dealtUnitKey. */
  readonly settlements: ReadonlyMap<string, Settlement>
  /** By account key, with the evidence. */
  readonly convictions: readonly Conviction[]
  /** Answers that do not count, by reason. */
  readonly refused: Readonly<Partial<Record<Refusal, number>>>
  /** What a machine would have to know to decide what is in dispute. */
  readonly wants: { readonly leaves: readonly string[]; readonly truths: readonly WantedLeaf[] }
  readonly accounts: readonly AccountState[]
  readonly frontier: Frontier
}

const NONE: ReadonlyMap<number, CertifiedUnit> = new Map()
const NOWHERE: ReadonlySet<number> = new Set()

/**
 * @param unitsPerWindow classes(genesis.partition).length
 * @param history        settled windows: documents about them are passed over
 */
export function stateOf(
  genesis: Genesis,
  unitsPerWindow: number,
  documents: Documents,
  knowledge: Knowledge = NO_KNOWLEDGE,
  history: History = NO_HISTORY,
): State {
  const nodes = readRegistrations(genesis, documents.accounts)
  const statements = [...documents.pool].map((document) =>
    open(statementDocument.parse(document).statement, heartbeatBody, 'the heartbeat'),
  )
  const heartbeats = newestHeartbeats(statements.map(({ body }) => body))
  const witnesses = witnessesIn(statements, nodes)
  const { draws, sealed, equivocations } = readDraws(genesis, documents.draws, witnesses)

  const evidence = evidenceOf(documents.results)
  const dealt = [...draws.values()].sort((a, b) => a.draw.body.epoch - b.draw.body.epoch)
  const settlements = settleAll(genesis, nodes, dealt, evidence, knowledge, history)
  const before = [...[...history.values()].flatMap(({ convictions: all }) => all), ...knowledge.convictions]
  const convictions = convictionsOf(
    (node, epoch) => accountAt({ draws, nodes }, epoch, node),
    evidence,
    settlements.values(),
    before.map((conviction) => ({ ...conviction, reveals: [], claim: null })),
  )
  const convicted = new Set(convictions.map(({ account }) => account))

  const units = new Map<bigint, { certified: Map<number, CertifiedUnit>; disputed: Set<number> }>()
  for (const { draw, cid, assignments } of dealt) {
    const stands = isWitnessed(draw.body, witnesses.get(cid))
    for (const assignment of assignments) {
      const { window, unit } = assignment
      if (history.has(window)) continue
      const state = units.get(window) ?? { certified: new Map(), disputed: new Set() }
      units.set(window, state)
      const settlement = settlements.get(dealtUnitKey(assignment))
      if (!settlement) continue
      if (settlement.status === 'disputed') state.disputed.add(unit)
      if (!stands || settlement.status !== 'certified' || state.certified.has(unit)) continue
      const isConvicted = (node: string) => convicted.has(accountAt({ draws, nodes }, assignment.epoch, node) ?? '')
      const results = certifying(settlement, isConvicted)
      if (results) state.certified.set(unit, { assignment, results, settlement })
    }
  }
  for (const { certified, disputed } of units.values()) for (const unit of certified.keys()) disputed.delete(unit)
  const all: WindowState[] = [...units].map(([window, { certified, disputed }]) => ({
    ...{ window, certified, settled: null, disputed, complete: certified.size === unitsPerWindow },
  }))
  for (const settled of history.values()) {
    all.push({ window: settled.window, certified: NONE, settled, disputed: NOWHERE, complete: true })
  }
  const windows = new Map(all.sort((a, b) => (a.window < b.window ? -1 : 1)).map((state) => [state.window, state]))
  const complete = [...windows.values()].filter((w) => w.complete).map((w) => w.window)
  return {
    genesis,
    nodes,
    heartbeats,
    witnesses,
    draws,
    equivocations,
    sealed,
    windows,
    evidence,
    settlements,
    convictions,
    refused: refusedIn(dealt, evidence, settlements, history),
    wants: {
      leaves: [...new Set([...settlements.values()].flatMap(({ wants }) => wants.leaves))],
      // What a banned account claims is no reason any more: a false claim costs everybody one leaf, once.
      truths: [...settlements.values()].flatMap(({ wants }) =>
        wants.truths.filter(
          ({ claimants }) =>
            claimants === null || claimants.some((node) => !convicted.has(nodes.get(node)?.account ?? '')),
        ),
      ),
    },
    accounts: accountsOf(genesis, { draws, nodes }, windows.values(), convicted, asOf(genesis, draws)),
    frontier: frontierOf(genesis, complete),
  }
}

/** Of the accounts that have taken a node for their own, the earliest; of equal ones, that of the lower key. */
const isEarlier = (a: Registration, b: Registration): boolean =>
  a.round < b.round || (a.round === b.round && a.account < b.account)

function readRegistrations(genesis: Genesis, documents: Iterable<unknown>): Map<string, Registration> {
  const nodes = new Map<string, Registration>()
  for (const document of documents) {
    const registration = openRegistration(genesis, document)
    const known = nodes.get(registration.node)
    if (!known || isEarlier(registration, known)) nodes.set(registration.node, registration)
  }
  return nodes
}

/**
 * The draw of each epoch. Of several that which is witnessed, and of those that with the most accounts on its roster, so that
 * none sealed later, with a roster of a few who say so, can take its place; of those by whose turn it was. An exposed coordinator's stand only if they are witnessed: after that no honest node witnesses any.
 */
function readDraws(genesis: Genesis, documents: Iterable<unknown>, witnesses: Witnesses) {
  const signatures = new Map<number, Uint8Array>()
  const statements: Statement<DrawBody>[] = []
  for (const document of documents) {
    const round = beaconDocument.safeParse(document)
    if (round.success) signatures.set(round.data.round, round.data.signature)
    else statements.push(open(statementDocument.parse(document).statement, drawBody, 'the draw'))
  }
  const draws = new Map<number, DealtDraw>()
  const sealed = new Map<number, Statement<DrawBody>>()
  const equivocations = equivocationsIn(statements)
  const { coordinators } = genesis.body
  const ordered = statements
    .map((draw) => {
      const stands = isWitnessed(draw.body, witnesses.get(cidOf(draw.bytes).toString()))
      return { draw, isWitnessed: stands, witnessedOf: stands ? accountsOn(draw.body) : 0 }
    })
    .sort(
      (a, b) =>
        b.witnessedOf - a.witnessedOf ||
        turnOf(coordinators, a.draw) - turnOf(coordinators, b.draw) ||
        compareBytes(a.draw.bytes, b.draw.bytes),
    )
  for (const { draw, isWitnessed } of ordered) {
    const { epoch } = draw.body
    if (draws.has(epoch) || sealed.has(epoch)) continue
    if (!isWitnessed && epoch >= (equivocations.get(draw.signer)?.epoch ?? Number.POSITIVE_INFINITY)) continue
    const signature = signatures.get(seedRound(genesis, epoch))
    try {
      checkDraw(genesis, draw.body)
      if (signature) draws.set(epoch, dealtDraw(genesis, draw, signature))
      else sealed.set(epoch, draw)
    } catch (error) {
      if (!(error instanceof RuleError)) throw error
    }
  }
  const byEpoch = <T>(map: Map<number, T>) => new Map([...map].sort(([a], [b]) => a - b))
  return { draws: byEpoch(draws), sealed: byEpoch(sealed), equivocations: [...equivocations.values()] }
}

function settleAll(
  genesis: Genesis,
  nodes: ReadonlyMap<string, Registration>,
  dealt: readonly DealtDraw[],
  evidence: Evidence,
  knowledge: Knowledge,
  history: History,
): Map<string, Settlement> {
  const settlements = new Map<string, Settlement>()
  const isAuditor = (node: string) => nodes.has(node)
  for (const { assignments } of dealt) {
    for (const assignment of assignments) {
      if (history.has(assignment.window)) continue
      const key = dealtUnitKey(assignment)
      const ofUnit = evidence.units.get(key)
      if (ofUnit) settlements.set(key, settle(genesis, assignment, ofUnit, knowledge, isAuditor))
    }
  }
  return settlements
}

/**
 * The results that agree, N or more, one of them at least of an account that is not convicted; null when there is none. Where an audit
 * stands for the others, neither the one nor all of the auditors may be convicted.
 */
function certifying(
  { results, auditors }: Settlement,
  isConvicted: (node: string) => boolean,
): readonly Reveal[] | null {
  if (auditors.length > 0 && auditors.every(isConvicted)) return null
  return results.every(({ node }) => isConvicted(node)) ? null : results
}

/** Counts why answers do not count. What is said about a deal that is not known yet waits. */
function refusedIn(
  dealt: readonly DealtDraw[],
  evidence: Evidence,
  settlements: ReadonlyMap<string, Settlement>,
  history: History,
): State['refused'] {
  const refused: Partial<Record<Refusal, number>> = {}
  const add = (reason: Refusal, n = 1) => {
    refused[reason] = (refused[reason] ?? 0) + n
  }
  for (const settlement of settlements.values()) for (const reason of settlement.refused.values()) add(reason)
  const epochs = new Set(dealt.map(({ draw }) => draw.body.epoch))
  for (const [key, { reveals }] of evidence.units) {
    const [epoch, window] = key.split('/') as [string, string]
    if (!settlements.has(key) && epochs.has(Number(epoch)) && !history.has(BigInt(window))) {
      add('not-assigned', reveals.size)
    }
  }
  return refused
}

/** The newest R(e) that a dealt draw proves: what "now" is for the rules. */
export const asOf = (genesis: Genesis, draws: ReadonlyMap<number, DealtDraw>): number =>
  seedRound(genesis, Math.max(0, ...draws.keys()))

/** A deal costs a pairing (20 ms) and does not change: kept as long as its draw is. */
const dealt = new WeakMap<Statement<DrawBody>, DealtDraw>()

function dealtDraw(genesis: Genesis, draw: Statement<DrawBody>, signature: Uint8Array): DealtDraw {
  const known = dealt.get(draw)
  if (known && equalBytes(known.signature, signature)) return known
  const cid = cidOf(draw.bytes).toString()
  const fresh = { draw, cid, signature, assignments: assign(genesis, draw.body, signature) }
  dealt.set(draw, fresh)
  return fresh
}

function accountsOf(
  genesis: Genesis,
  state: Pick<State, 'draws' | 'nodes'>,
  windows: Iterable<WindowState>,
  convicted: ReadonlySet<string>,
  now: number,
): AccountState[] {
  const accounts = new Map<string, { -readonly [K in keyof AccountState]: AccountState[K] } & { nodes: string[] }>()
  for (const { account, node, name } of [...state.nodes.values()].sort((a, b) => (a.node < b.node ? -1 : 1))) {
    const known = accounts.get(account)
    if (known) known.nodes.push(node)
    else {
      accounts.set(account, {
        account,
        name,
        nodes: [node],
        units: 0,
        hardNumbers: 0,
        lastRound: null,
        level: 'UNTRUSTED',
      })
    }
  }
  for (const { certified, settled } of windows) {
    for (const [key, { units, hardNumbers, lastRound }] of settled?.credits ?? []) {
      const account = accounts.get(key)
      if (!account) continue
      account.units += units
      account.hardNumbers += hardNumbers
      account.lastRound = Math.max(account.lastRound ?? 0, lastRound)
    }
    for (const { assignment, results } of certified.values()) {
      for (const { node, item } of results) {
        const account = accounts.get(accountAt(state, assignment.epoch, node) ?? '')
        if (!account) continue
        account.units++
        account.hardNumbers += item.result.count
        account.lastRound = Math.max(account.lastRound ?? 0, seedRound(genesis, assignment.epoch))
      }
    }
  }
  for (const account of accounts.values()) {
    const idle = now - (account.lastRound ?? now)
    account.level = convicted.has(account.account) ? 'BANNED' : levelOf(genesis, account.units, idle)
  }
  return [...accounts.values()].sort((a, b) => b.units - a.units || (a.account < b.account ? -1 : 1))
}
