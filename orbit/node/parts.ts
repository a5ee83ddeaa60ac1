/**
 * The parts of a node, composed at one place: who gets what from whom, and the table of their life cycle. What is new in
 * a node (discovery, metrics, votes) is made here, and gets a line in the table.
 */

import { CID } from 'multiformats/cid'
import { cpuEngine } from '../../kernels/cpu.ts'
import type { Engine } from '../../kernels/unit.ts'
import { publicKeyOf } from '../rules/base/statement.ts'
import type { CertificateSources } from '../rules/certificate/format.ts'
import { documentKey, registrationDocument } from '../rules/message/documents.ts'
import { roundAt } from '../rules/network/beacon.ts'
import { epochAt } from '../rules/network/schedule.ts'
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
import { LeafLookup } from './replica/knowledge.ts'
import { Replica } from './replica/replica.ts'
import type { ServiceEvents } from './service-events.ts'
import { Audits } from './work/audits.ts'
import { OwedUnits } from './work/owed-units.ts'
import { Submissions } from './work/submission.ts'
import { WithheldLeaves } from './work/withheld-leaves.ts'

export const BLOCK_TIMEOUT = 20_000
/** An audit waits so long for an old beacon round, and is tried again an epoch later. */
const ROUND_TIMEOUT = 5_000
/** How often certificates that lack something are tried again, in rounds. */
const RETRY_ROUNDS = 20

export interface PartsOptions {
  readonly home: Home
  readonly node: OrbitNode
  readonly payers: Payers
  readonly beacon: BeaconSource
  readonly events: Emitter<ServiceEvents>
  readonly capacity: number
  readonly engines: readonly Engine['name'][]
  /** Fires when the node stops. */
  readonly signal: AbortSignal
}

export type Parts = ReturnType<typeof composeParts>

/** The round that the clock gives: for a node's own decisions, never for judging others. */
const wallRoundOf = ({ genesis }: Home): number => Math.max(1, roundAt(genesis.chain, Math.floor(Date.now() / 1000)))

/** @throws {HomeError} when the file of what a coordinator has sealed can't be read */
export function composeParts(options: PartsOptions) {
  const { home, node, beacon, events, signal } = options
  const { genesis, directory } = home
  const self = { genesis, node: publicKeyOf(home.nodeKey), secret: home.nodeKey, kv: node.kv }
  const notice = (text: string) => events.emit('notice', { text })
  const failed = (what: string) => (error: Error) => {
    if (!signal.aborted) notice(`cannot ${what}: ${error.message}`)
  }
  const round = () => beacon.current()?.round ?? 0
  const wallRound = () => wallRoundOf(home)
  const newest = () => Math.max(round(), wallRound())
  // One core: a lie costs each node a leaf, and none more than that.
  const openEngine = () => cpuEngine(genesis.partition, 1)

  const lookup = new LeafLookup(genesis, node, openEngine)
  const arrivals = new ArrivalLog({ genesis, kv: node.kv, round: newest })
  const replica = new Replica({
    ...{ genesis, payers: options.payers, knowledge: lookup, arrivals: arrivals.lookUp },
    openStore: (name) => node.open(name),
  })
  const state = () => replica.state()
  const put = (database: string, key: string, value: unknown) => replica.put(database, key, value)
  const sources: CertificateSources = {
    leaves: (cid) => lookup.leaves(cid),
    registration: (key, account) =>
      registrationDocument.parse(replica.get('accounts', documentKey.registration(key, account))),
  }
  const verdicts = new Verdicts({
    ...{ genesis, kv: node.kv, state, known: () => replica.heartbeats(), arrivals: arrivals.lookUp, round: newest },
    cited: (pool) => replica.pools.heartbeatsUnder(pool),
  })
  const submissions = new Submissions({ ...self, state, put })
  const withheld = new WithheldLeaves(genesis, node, self.node)
  const accepts = (draw: string) => verdicts.accepts(draw)
  const units = new OwedUnits({ ...self, state, accepts, submissions, withheld, blocks: node.blocks, put })
  const presence = new Presence(
    {
      ...{ home, engines: [...options.engines], state, put, signal, notice },
      ...{ owed: (at) => units.owed(at).length, witnessed: () => verdicts.witnessed() },
    },
    options.capacity,
  )
  replica.events.on('registration', ({ document, isNew }) => arrivals.hear(document, isNew))
  replica.events.on('draw', (draw) => verdicts.hear(draw))
  replica.events.on('answer', ({ document, isOld }) => submissions.hear(document, isOld))
  replica.events.on('change', () => events.emit('change'))

  const fraudProofs = new FraudProofWriter({
    ...{ directory, state, sources },
    onError: ({ message }) => notice(`cannot write a fraud proof: ${message}`),
  })
  const certifier = new Certifier({
    ...{ directory, node, state, signal, sources },
    onWritten: (certificate) => events.emit('certificate', certificate),
    onError: ({ message }) => notice(message),
  })
  const archive = new Archive({
    ...{ directory, genesis, node, replica, lookup, notice, round, openEngine, signal },
    isPending: (cid) => units.isPending(cid),
  })
  const audits = new Audits({
    ...{ node: self.node, openEngine },
    beacon: (at) => beacon.round(at, { signal: AbortSignal.timeout(ROUND_TIMEOUT) }).catch(() => null),
    leaves: (cid) => node.blocks.get(CID.parse(cid), { timeoutMs: BLOCK_TIMEOUT, signal }).catch(() => null),
    publish: (claims, drawnBy) => submissions.audit(claims, drawnBy, round()),
  })
  // Who is wrong is found out beside everything else: it may take as long as a leaf does.
  const learning = new SingleFlight(async () => {
    while (!signal.aborted && (await lookup.learn(state(), signal))) replica.invalidate()
  }, failed('check a leaf'))
  const isCoordinator = genesis.body.coordinators.includes(self.node)
  const coordinator = isCoordinator
    ? new Coordinator({
        ...{ genesis, directory, secret: home.nodeKey, replica, beacon, wallRound, signal },
        hasDraw: (epoch) => verdicts.hasDraw(epoch),
        beat: (at) => presence.beat(at),
        onSealed: (sealed) => events.emit('sealed', sealed),
      })
    : null

  const table: readonly Part[] = [
    { onChange: () => fraudProofs.update(), stop: () => fraudProofs.stop() },
    { start: () => replica.start(wallRound()), onRound: (at) => replica.openSpans(at.round) },
    { load: () => arrivals.load(), onRound: () => arrivals.update(), stop: () => arrivals.update() },
    // A coordinator writes them down for all nodes, and seals nothing before it has.
    ...(isCoordinator ? [] : [new DrawRounds({ genesis, kv: node.kv, replica, beacon, signal })]),
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
    {
      load: () => lookup.load(),
      onRound: () => void learning.run(),
      onChange: () => void learning.run(),
      stop: () => learning.idle(),
    },
    auditing(audits, { ...options, state, round, isWorking: () => presence.capacity > 0, onError: failed('audit') }),
    {
      // What a peer did not have when the window was certified, another may have by now.
      onRound: (at) => void (at.round % RETRY_ROUNDS === 0 && certifier.update()),
      onChange: () => void certifier.update(),
      stop: () => certifier.idle(),
    },
    archive,
    ...(coordinator ? [{ onRound: coordinator.onRound.bind(coordinator), stop: () => coordinator.idle() }] : []),
  ]
  return { replica, lookup, verdicts, submissions, units, presence, certifier, archive, coordinator, table }
}

interface AuditingOptions extends Pick<PartsOptions, 'home' | 'signal'> {
  readonly state: Replica['state']
  readonly round: () => number
  /** Whether this node takes any work. */
  readonly isWorking: () => boolean
  readonly onError: (error: Error) => void
}

/** Computes again what others have, where the beacon asks this node to: once an epoch, if it works at all. */
function auditing(audits: Audits, { home, state, round, isWorking, signal, onError }: AuditingOptions): Part {
  const running = new SingleFlight(() => audits.run(state(), round(), signal), onError)
  let auditedIn = -1
  return {
    onRound: (at) => {
      if (!isWorking()) return
      audits.hear(state(), at.round)
      const epoch = epochAt(home.genesis, at.round)
      if (running.busy || auditedIn === epoch) return
      auditedIn = epoch
      void running.run()
    },
    stop: () => running.idle(),
  }
}
