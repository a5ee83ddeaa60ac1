/**
 * The state of a network as a pure function of its documents, in whatever order they came: who is registered, which
 * units were dealt to whom, which are certified, how far the frontier is. Nothing in here is ever received.
 */
import { openRegistration, type Registration } from './admit.ts'
import { type Assignment, assign, seedRound } from './assignment.ts'
import { type Equivocation, equivocationsIn, turnOf } from './coordinators.ts'
import {
  answerBody,
  beaconDocument,
  type DeclineBody,
  type DrawBody,
  documentKey,
  drawBody,
  type HeartbeatBody,
  heartbeatBody,
  type ResultBody,
  statementDocument,
} from './events.ts'
import { type Frontier, frontierOf } from './frontier.ts'
import type { Genesis } from './genesis.ts'
import { judge } from './quorum.ts'
import { mayAnswer } from './seats.ts'
import { equalBytes, open, RuleError, type Statement } from './statement.ts'
import { type Level, levelOf } from './trust.ts'

/** Documents that admit.ts has let in. */
export interface Documents {
  readonly accounts: Iterable<unknown>
  readonly pool: Iterable<unknown>
  readonly draws: Iterable<unknown>
  readonly results: Iterable<unknown>
}

export interface DealtDraw {
  readonly draw: Statement<DrawBody>
  /** The signature of R(epoch). */
  readonly signature: Uint8Array
  readonly assignments: readonly Assignment[]
}

export interface CertifiedUnit {
  readonly assignment: Assignment
  readonly results: readonly Statement<ResultBody>[]
}

export interface WindowState {
  readonly window: bigint
  /** By unit index. */
  readonly certified: ReadonlyMap<number, CertifiedUnit>
  readonly disputed: ReadonlySet<number>
  readonly complete: boolean
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
  readonly heartbeats: ReadonlyMap<string, HeartbeatBody>
  /** By epoch: dealt draws only. */
  readonly draws: ReadonlyMap<number, DealtDraw>
  /** Coordinators that sealed two draws for one epoch: none of theirs stands from that epoch on. */
  readonly equivocations: readonly Equivocation[]
  /** Draws whose R(e) is not known yet. */
  readonly sealed: ReadonlyMap<number, Statement<DrawBody>>
  readonly windows: ReadonlyMap<bigint, WindowState>
  readonly results: ReadonlyMap<string, Statement<ResultBody>>
  /** By the key of the result that will not come. */
  readonly declines: ReadonlyMap<string, Statement<DeclineBody>>
  /** Results that no deal asked for: refused, kept only as a count. */
  readonly notAssigned: number
  readonly accounts: readonly AccountState[]
  readonly frontier: Frontier
}

/** @param unitsPerWindow classes(genesis.partition).length */
export function stateOf(genesis: Genesis, unitsPerWindow: number, documents: Documents): State {
  const nodes = readRegistrations(genesis, documents.accounts)
  const heartbeats = readHeartbeats(documents.pool)
  const { draws, sealed, equivocations } = readDraws(genesis, unitsPerWindow, documents.draws)

  const { results, declines } = readAnswers(documents.results)

  const units = new Map<bigint, { certified: Map<number, CertifiedUnit>; disputed: Set<number> }>()
  let asked = 0
  for (const { assignments } of [...draws.values()].sort((a, b) => a.draw.body.epoch - b.draw.body.epoch)) {
    for (const assignment of assignments) {
      const { window, unit } = assignment
      const named = answersTo(genesis, assignment, results, declines)
      asked += named.length
      const verdict = judge(named, genesis.body.replication)
      const state = units.get(window) ?? { certified: new Map(), disputed: new Set() }
      units.set(window, state)
      if (verdict.status === 'disputed') state.disputed.add(unit)
      if (verdict.status === 'certified' && !state.certified.has(unit)) {
        state.certified.set(unit, { assignment, results: verdict.results })
      }
    }
  }
  const windows = new Map<bigint, WindowState>()
  for (const [window, { certified, disputed }] of [...units].sort(([a], [b]) => (a < b ? -1 : 1))) {
    windows.set(window, { window, certified, disputed, complete: certified.size === unitsPerWindow })
  }
  const complete = [...windows.values()].filter((w) => w.complete).map((w) => w.window)
  return {
    genesis,
    nodes,
    heartbeats,
    draws,
    equivocations,
    sealed,
    windows,
    results,
    declines,
    notAssigned: results.size - asked,
    accounts: accountsOf(genesis, nodes, windows.values()),
    frontier: frontierOf(genesis, complete),
  }
}

function readRegistrations(genesis: Genesis, documents: Iterable<unknown>): Map<string, Registration> {
  const nodes = new Map<string, Registration>()
  for (const document of documents) {
    const registration = openRegistration(genesis, document)
    nodes.set(registration.node, registration)
  }
  return nodes
}

function readHeartbeats(documents: Iterable<unknown>): Map<string, HeartbeatBody> {
  const newest = new Map<string, HeartbeatBody>()
  for (const document of documents) {
    const { body } = open(statementDocument.parse(document).statement, heartbeatBody, 'the heartbeat')
    const known = newest.get(body.node)
    if (!known || known.round < body.round) newest.set(body.node, body)
  }
  return newest
}

function readDraws(genesis: Genesis, unitsPerWindow: number, documents: Iterable<unknown>) {
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
  for (const draw of statements.sort((a, b) => turnOf(coordinators, a) - turnOf(coordinators, b))) {
    const { epoch, offers } = draw.body
    if (draws.has(epoch) || sealed.has(epoch)) continue
    if (epoch >= (equivocations.get(draw.signer)?.epoch ?? Number.POSITIVE_INFINITY)) continue
    if (offers.some((offer) => offer.to > unitsPerWindow || offer.from >= offer.to)) continue
    const signature = signatures.get(seedRound(genesis, epoch))
    try {
      if (signature) draws.set(epoch, dealtDraw(genesis, draw, signature))
      else sealed.set(epoch, draw)
    } catch (error) {
      if (!(error instanceof RuleError)) throw error
    }
  }
  return { draws, sealed, equivocations: [...equivocations.values()] }
}

function readAnswers(documents: Iterable<unknown>) {
  const results = new Map<string, Statement<ResultBody>>()
  const declines = new Map<string, Statement<DeclineBody>>()
  for (const document of documents) {
    const answer = open(statementDocument.parse(document).statement, answerBody, 'the result')
    const { body, signer } = answer
    const key = documentKey.result(signer, body.epoch, body.window, body.unit)
    if (body.type === 'result') results.set(key, answer as Statement<ResultBody>)
    else declines.set(key, answer as Statement<DeclineBody>)
  }
  return { results, declines }
}

const answerKey = ({ epoch, window, unit }: Assignment, node: string): string =>
  documentKey.result(node, epoch, window.toString(), unit)

/** The declines of a unit by nodes that were dealt it, in the order of their seats. */
export function declinesOf(
  assignment: Assignment,
  declines: ReadonlyMap<string, Statement<DeclineBody>>,
): Statement<DeclineBody>[] {
  return [...assignment.quorum, ...assignment.reserve].flatMap(
    (node) => declines.get(answerKey(assignment, node)) ?? [],
  )
}

/** Results of nodes that may answer for the unit, in the order of their seats. */
function answersTo(
  genesis: Genesis,
  assignment: Assignment,
  results: ReadonlyMap<string, Statement<ResultBody>>,
  declines: ReadonlyMap<string, Statement<DeclineBody>>,
): Statement<ResultBody>[] {
  const declined = declinesOf(assignment, declines).length
  return [...assignment.quorum, ...assignment.reserve].flatMap((node) => {
    const result = results.get(answerKey(assignment, node))
    const named = result && mayAnswer(genesis, assignment, node, result.body.overtime?.round ?? null, declined)
    return named ? [result] : []
  })
}

/** A deal costs a pairing (20 ms) and does not change: kept as long as its draw is. */
const dealt = new WeakMap<Statement<DrawBody>, DealtDraw>()

function dealtDraw(genesis: Genesis, draw: Statement<DrawBody>, signature: Uint8Array): DealtDraw {
  const known = dealt.get(draw)
  if (known && equalBytes(known.signature, signature)) return known
  const fresh = { draw, signature, assignments: assign(genesis, draw.body, signature) }
  dealt.set(draw, fresh)
  return fresh
}

function accountsOf(
  genesis: Genesis,
  nodes: ReadonlyMap<string, Registration>,
  windows: Iterable<WindowState>,
): AccountState[] {
  const accounts = new Map<string, { -readonly [K in keyof AccountState]: AccountState[K] } & { nodes: string[] }>()
  for (const { account, node, name } of [...nodes.values()].sort((a, b) => (a.node < b.node ? -1 : 1))) {
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
  for (const { certified } of windows) {
    for (const { assignment, results } of certified.values()) {
      for (const { signer, body } of results) {
        const account = accounts.get(nodes.get(signer)?.account ?? '')
        if (!account) continue
        account.units++
        account.hardNumbers += body.count
        account.lastRound = Math.max(account.lastRound ?? 0, seedRound(genesis, assignment.epoch))
        account.level = levelOf(genesis, account.units)
      }
    }
  }
  return [...accounts.values()].sort((a, b) => b.units - a.units || (a.account < b.account ? -1 : 1))
}
