/**
 * The parts of a node, composed at one place: who gets what from whom, and the table of their life
 * cycle. What is new in a node (discovery, metrics, votes) is made here, and gets a line in the
 * table.
 */
import { cpuEngine } from '../../kernels/cpu.ts'
import type { Engine } from '../../kernels/unit.ts'
import type { Memory } from '../rules/base/memory.ts'
import { publicKeyOf } from '../rules/base/statement.ts'
import type { CertificateSources } from '../rules/certificate/format.ts'
import { documentKey, registrationDocument } from '../rules/message/documents.ts'
import { roundAt } from '../rules/network/beacon.ts'
import { epochAt } from '../rules/network/schedule.ts'
import type { State } from '../rules/state/state.ts'
import { Archive } from './archive/archive.ts'
import { Certifier } from './archive/certifier.ts'
import type { Emitter } from './async/emitter.ts'
import { SingleFlight } from './async/queue.ts'
import type { BeaconSource } from './beacon/source.ts'
import { Coordinator } from './epoch/coordinator.ts'
import { DrawRounds } from './epoch/draw-rounds.ts'
import { Presence } from './epoch/presence.ts'
import { ArrivalLog } from './epoch/registration-log.ts'
import { Verdicts } from './epoch/verdicts.ts'
import { FraudProofWriter } from './home/fraud-proof-files.ts'
import type { Home } from './home/home.ts'
import type { Payers } from './log/quota.ts'
import type { OrbitNode } from './orbit-node.ts'
import type { Part } from './part.ts'
import { FactFinder } from './replica/knowledge.ts'
import { Replica } from './replica/replica.ts'
import type { ServiceEvents } from './service-events.ts'
import { Audits } from './work/audits.ts'
import { OwedUnits } from './work/owed-units.ts'
import { Submissions } from './work/submission.ts'
import { WithheldLeaves } from './work/withheld-leaves.ts'

/** An audit waits so long for an old beacon round, and is tried again an epoch later. */
const ROUND_TIMEOUT = 5_000

export interface PartsOptions {
  readonly home: Home
  readonly node: OrbitNode
  readonly payers: Payers
  /** What was opened and checked, by whoever did it first: one for the whole node. */
  readonly memory: Memory
  readonly beacon: BeaconSource
  readonly events: Emitter<ServiceEvents>
  readonly capacity: number
  readonly engines: readonly Engine['name'][]
  /** Fires when the node stops. */
  readonly signal: AbortSignal
}

/** What several parts take. */
function commonOf(options: PartsOptions) {
  const { home, node, beacon, events, signal } = options
  const { genesis, directory } = home
  const notice = (text: string) => events.emit('notice', { text })
  const failed = (what: string) => (error: Error) => {
    if (!signal.aborted) notice(`cannot ${what}: ${error.message}`)
  }
  /** The newest round, 0 before the first. */
  const round = () => beacon.current()?.round ?? 0
  /** The round by the clock: for a node's own decisions, never for judging others. */
  const wallRound = () => Math.max(1, roundAt(genesis.chain, Math.floor(Date.now() / 1000)))
  return {
    ...options,
    ...{ genesis, directory, kv: node.kv, notice, failed, round, wallRound },
    /** The newest round that is out, by the beacon and by the clock. */
    newestRound: () => Math.max(round(), wallRound()),
    /** One core: a lie costs each node a leaf, and none more than that. */
    openEngine: () => cpuEngine(genesis.partition, 1),
    key: publicKeyOf(home.nodeKey),
  }
}

type Common = ReturnType<typeof commonOf>

/** The documents, what is known besides them, and this node's judgement of the draws among them. */
function composeReplica({ genesis, node, kv, memory, payers, newestRound, openEngine, events, signal }: Common) {
  const facts = new FactFinder({ genesis, node, openEngine, signal, learned: () => replica.invalidate() })
  const arrivals = new ArrivalLog({ genesis, kv, memory, round: newestRound })
  const replica: Replica = new Replica({
    ...{ genesis, memory, payers, knowledge: facts, arrivals: arrivals.lookUp },
    openStore: (name) => node.open(name),
  })
  const state = () => replica.state()
  const verdicts = new Verdicts({
    ...{ genesis, kv, state, known: () => replica.heartbeats(), arrivals: arrivals.lookUp, round: newestRound },
    cited: (pool) => replica.pools.heartbeatsUnder(pool),
  })
  replica.events.on('registration', ({ document, isNew }) => arrivals.hear(document, isNew))
  replica.events.on('draw', (draw) => verdicts.hear(draw))
  replica.events.on('change', () => events.emit('change'))
  const put = (database: string, key: string, value: unknown) => replica.put(database, key, value)
  return { facts, arrivals, replica, state, put, verdicts }
}

type Documents = ReturnType<typeof composeReplica>

/** What this node is dealt, and what it publishes about that and about itself. */
function composeWork(common: Common, { facts, state, put, verdicts }: Documents) {
  const { home, genesis, node, kv, key, memory, beacon, round, openEngine, signal, notice } = common
  const self = { genesis, node: key, secret: home.nodeKey, kv }
  const submissions = new Submissions({ ...self, blocks: node.blocks, state, put })
  const withheld = new WithheldLeaves(genesis, node, key, memory)
  const accepts = (draw: string) => verdicts.accepts(draw)
  const units = new OwedUnits({ ...self, state, accepts, submissions, withheld, blocks: node.blocks, put })
  const presence = new Presence(
    {
      ...{ home, engines: [...common.engines], state, put, signal, notice },
      ...{ owed: (at) => units.owed(at).length, witnessed: () => verdicts.witnessed() },
    },
    common.capacity,
  )
  const audits = new Audits({
    ...{ node: key, memory, openEngine, leaves: facts.leaves },
    beacon: (at) => beacon.round(at, { signal: AbortSignal.timeout(ROUND_TIMEOUT) }).catch(() => null),
    publish: (claims, drawnBy) => submissions.audit(claims, drawnBy, round()),
  })
  return { submissions, withheld, units, presence, audits }
}

/** What comes of the documents: certificates, fraud proofs, the archive. */
function composeRecords(common: Common, { replica, facts, state }: Documents, units: OwedUnits) {
  const { directory, genesis, node, events, memory, notice, round, openEngine, signal } = common
  const sources: CertificateSources = {
    leaves: facts.leaves,
    registration: (key, account) =>
      registrationDocument.parse(replica.get('accounts', documentKey.registration(key, account))),
  }
  const fraudProofs = new FraudProofWriter({
    ...{ directory, state, sources },
    onError: ({ message }) => notice(`cannot write a fraud proof: ${message}`),
  })
  const certifier = new Certifier({
    ...{ directory, state, signal, sources, memory },
    onWritten: (certificate) => events.emit('certificate', certificate),
    onError: ({ message }) => notice(message),
  })
  const archive = new Archive({
    ...{ directory, genesis, node, replica, facts, notice, round, openEngine, signal },
    isPending: (cid) => units.isPending(cid),
  })
  return { fraudProofs, certifier, archive }
}

/** null where the genesis does not name this node as a coordinator. @throws {HomeError} */
function composeCoordinator(common: Common, { replica, verdicts }: Documents, presence: Presence): Coordinator | null {
  const { home, genesis, directory, key, beacon, wallRound, signal, events } = common
  if (!genesis.body.coordinators.includes(key)) return null
  return new Coordinator({
    ...{ genesis, directory, secret: home.nodeKey, replica, beacon, wallRound, signal },
    hasDraw: (epoch) => verdicts.hasDraw(epoch),
    beat: (at) => presence.beat(at),
    onSealed: (sealed) => events.emit('sealed', sealed),
  })
}

export type Parts = Documents &
  ReturnType<typeof composeWork> &
  ReturnType<typeof composeRecords> & { readonly coordinator: Coordinator | null }

/** @throws {HomeError} when the file of what a coordinator has sealed can't be read */
export function composeParts(options: PartsOptions): { parts: Parts; table: readonly Part[] } {
  const common = commonOf(options)
  const documents = composeReplica(common)
  const work = composeWork(common, documents)
  const records = composeRecords(common, documents, work.units)
  const coordinator = composeCoordinator(common, documents, work.presence)
  const parts = { ...documents, ...work, ...records, coordinator }
  return { parts, table: tableOf(common, parts) }
}

/** In the order in which a round reaches them. */
function tableOf(common: Common, parts: Parts): readonly Part[] {
  const { genesis, kv, beacon, round, wallRound, signal } = common
  const { replica, arrivals, verdicts, presence, withheld, submissions, units, state } = parts
  const { fraudProofs, certifier, archive, coordinator } = parts
  return [
    { onChange: () => fraudProofs.update(), stop: () => fraudProofs.stop() },
    { start: () => replica.start(wallRound()), onRound: (at) => replica.openSpans(at.round) },
    { load: () => arrivals.load(), onRound: () => arrivals.update(), stop: () => arrivals.update() },
    // A coordinator writes them down for all nodes, and seals nothing before it has.
    ...(coordinator ? [] : [new DrawRounds({ genesis, kv, replica, beacon, signal })]),
    {
      load: () => verdicts.load(),
      start: () => {
        for (const draw of state().sealed.values()) verdicts.hear(draw)
      },
      onRound: () => verdicts.judge(),
      onChange: () => verdicts.judge(),
    },
    { onRound: (at) => presence.onRound(at), stop: () => presence.leave(beacon.current()) },
    {
      load: () => withheld.load(),
      onRound: (at) => withheld.release(state(), at.round),
      onChange: () => withheld.release(state(), round()),
    },
    { load: () => submissions.load(), onRound: (at) => submissions.flush(at, units.owed(at.round).length === 0) },
    findingOut(common, parts),
    auditing(common, parts),
    { onChange: () => void certifier.update(), stop: () => certifier.idle() },
    archive,
    ...(coordinator ? [{ onRound: coordinator.onRound.bind(coordinator), stop: () => coordinator.idle() }] : []),
  ]
}

/** Judges results, and finds out which is wrong, beside everything else: it takes a while. */
function findingOut({ signal, failed }: Common, { facts, replica, state }: Documents): Part {
  const running = new SingleFlight(async () => {
    for (let seen: State | null = null; !signal.aborted && state() !== seen; ) {
      seen = state()
      if (await facts.learn(seen)) replica.invalidate()
    }
  }, failed('judge a result'))
  const run = () => void running.run()
  const stop = async () => {
    await running.idle()
    await facts.idle()
  }
  return { load: () => facts.load(), onRound: run, onChange: run, stop }
}

/**
 * Computes again what others have, where the beacon asks this node to: once an epoch, if it works
 * at all.
 */
function auditing({ genesis, round, signal, failed }: Common, { audits, presence, state }: Parts): Part {
  const running = new SingleFlight(() => audits.run(state(), round(), signal), failed('audit'))
  let auditedIn = -1
  return {
    onRound: (at) => {
      if (presence.capacity === 0) return
      audits.hear(state(), at.round)
      const epoch = epochAt(genesis, at.round)
      if (running.busy || auditedIn === epoch) return
      auditedIn = epoch
      void running.run()
    },
    stop: () => running.idle(),
  }
}
