/**
 * A node of a network, composed at one place: storage and libp2p (plumbing.ts), the beacon (beacon.ts), the documents and
 * the state that follows from them (replica.ts). It registers and says that it is there (presence.ts), passes beacon rounds
 * on, seals draws if the genesis makes it a coordinator (coordinator.ts), writes certificates (certifier.ts), and settles what
 * is over (settling.ts). What a unit's result is, is
 * the worker's affair (worker.ts).
 */
import { CID } from 'multiformats/cid'
import { cpuEngine } from '../../kernels/cpu.ts'
import type { Engine } from '../../kernels/unit.ts'
import { publicKeyOf, sign } from '../rules/base/statement.ts'
import type { CertificateSources } from '../rules/certificate/write.ts'
import type { Assignment } from '../rules/deal/assignment.ts'
import { isWitnessed } from '../rules/deal/witness.ts'
import {
  type DeclineBody,
  databaseName,
  documentKey,
  type ResultBody,
  registrationDocument,
  spanOf,
} from '../rules/message/bodies.ts'
import { roundAt } from '../rules/network/beacon.ts'
import { type Genesis, rawCid } from '../rules/network/genesis.ts'
import { duties } from '../rules/state/duties.ts'
import { encodeSettled } from '../rules/state/settled-window.ts'
import type { State } from '../rules/state/state.ts'
import { Archive } from './archive/archive.ts'
import { Certifier } from './archive/certifier.ts'
import { Emitter } from './async/emitter.ts'
import { SingleFlight } from './async/queue.ts'
import { beaconOf } from './beacon/choose.ts'
import { firstRound, hearRounds, passOn } from './beacon/gossip.ts'
import type { BeaconRound, BeaconSource } from './beacon/source.ts'
import { Coordinator } from './epoch/coordinator.ts'
import { DrawRounds } from './epoch/draw-rounds.ts'
import { Presence } from './epoch/presence.ts'
import { ArrivalLog } from './epoch/registration-log.ts'
import { type Verdict, Verdicts } from './epoch/verdicts.ts'
import { FraudProofWriter } from './home/fraud-proof-files.ts'
import type { Home } from './home/home.ts'
import type { OrbitNode } from './orbit-node.ts'
import { openNode } from './plumbing.ts'
import { LeafLookup } from './replica/knowledge.ts'
import { Replica } from './replica/replica.ts'
import type { ServiceEvents } from './service-events.ts'
import { Audits } from './work/audits.ts'
import { Answers } from './work/submission.ts'
import { WithheldLeaves } from './work/withheld-leaves.ts'

const BLOCK_TIMEOUT = 20_000
/** An audit waits so long for an old beacon round, and is tried again an epoch later. */
const ROUND_TIMEOUT = 5_000
/** How often certificates that lack something are tried again, in rounds. */
const RETRY_ROUNDS = 20

export interface ServiceOptions {
  readonly home: Home
  /** Instead of the home's. */
  readonly listen?: readonly string[]
  /** Besides the home's. */
  readonly peers?: readonly string[]
  /** Units this node is ready to owe at a time; 0: it takes no work. */
  readonly capacity?: number
  readonly engines?: readonly Engine['name'][]
}

export class Service {
  readonly events = new Emitter<ServiceEvents>()
  readonly genesis: Genesis
  readonly nodeKey: string
  readonly accountKey: string
  readonly home: Home
  readonly node: OrbitNode
  private readonly replica: Replica
  private readonly beacon: BeaconSource
  private readonly answers: Answers
  private readonly learning: LeafLookup
  private readonly audits: Audits
  private readonly held: WithheldLeaves
  private readonly arrivals: ArrivalLog
  private readonly verdicts: Verdicts
  private readonly drawRounds: DrawRounds
  private readonly frauds: FraudProofWriter
  private readonly presence: Presence
  private readonly certifier: Certifier
  private readonly coordinator: Coordinator | null
  private readonly auditing: SingleFlight
  private readonly settling: Archive
  /** CIDs of leaves on their way to where submission.ts knows of them. */
  private readonly submitting = new Set<string>()
  private auditedIn = -1
  /** Finds out who is wrong, beside everything else: it may take as long as a leaf does. */
  private readonly learningAll: SingleFlight
  private stopped = false
  private readonly stopping = new AbortController()
  /** What a round sets off, one after the other. */
  private duty: Promise<void> = Promise.resolve()
  private readonly cleanups: (() => void)[] = []

  private constructor(options: ServiceOptions, node: OrbitNode, replica: Replica, beacon: BeaconSource) {
    this.home = options.home
    this.genesis = options.home.genesis
    this.nodeKey = publicKeyOf(options.home.nodeKey)
    this.accountKey = publicKeyOf(options.home.accountKey)
    this.node = node
    this.replica = replica
    this.beacon = beacon
    this.answers = new Answers({
      ...{ genesis: this.genesis, node: this.nodeKey, secret: options.home.nodeKey, kv: node.kv },
      state: () => replica.state(),
      put: (database, key, value) => replica.put(database, key, value),
    })
    // One core: whoever lies costs everybody a leaf, and nobody more than that.
    const openEngine = () => cpuEngine(this.genesis.partition, 1)
    this.learning = new LeafLookup(this.genesis, node, openEngine)
    replica.knowledge = this.learning
    const newest = () => Math.max(this.round() ?? 0, this.wallRound())
    this.arrivals = new ArrivalLog({ genesis: this.genesis, kv: node.kv, round: newest })
    replica.arrivals = this.arrivals.of
    replica.onRegistration = (document, isNew) => this.arrivals.hear(document, isNew)
    this.verdicts = new Verdicts({
      ...{ genesis: this.genesis, kv: node.kv, state: () => replica.state(), known: () => replica.heartbeats() },
      cited: (pool) => replica.heartbeatsUnder(pool),
      arrivals: this.arrivals.of,
      round: newest,
    })
    this.drawRounds = new DrawRounds({ genesis: this.genesis, kv: node.kv, replica, beacon })
    replica.onDraw = (draw) => this.verdicts.hear(draw)
    this.audits = new Audits({
      node: this.nodeKey,
      openEngine,
      beacon: (round) => beacon.round(round, { signal: AbortSignal.timeout(ROUND_TIMEOUT) }).catch(() => null),
      leaves: (cid) =>
        node.blocks.get(CID.parse(cid), { timeoutMs: BLOCK_TIMEOUT, signal: this.stopping.signal }).catch(() => null),
      publish: (claims, drawnBy) => this.answers.audit(claims, drawnBy, this.round() ?? 0),
    })
    this.held = new WithheldLeaves(this.genesis, node, this.nodeKey)
    const notice = (text: string) => this.events.emit('notice', { text })
    const sources: CertificateSources = {
      leaves: (cid) => this.learning.leaves(cid),
      registration: (node, account) => this.registrationOf(node, account),
    }
    this.frauds = new FraudProofWriter({
      ...{ directory: options.home.directory, state: () => replica.state() },
      sources,
      onError: ({ message }) => notice(`cannot write a fraud proof: ${message}`),
    })
    replica.onAnswer = (document, isOld) => this.answers.saw(document, isOld)
    this.certifier = new Certifier({
      ...{ directory: options.home.directory, node, state: () => replica.state(), signal: this.stopping.signal },
      sources,
      onWritten: (certificate) => this.events.emit('certificate', certificate),
      onError: ({ message }) => notice(message),
    })
    const presence = {
      ...{ home: options.home, engines: [...(options.engines ?? ['wasm'])], state: () => replica.state(), notice },
      ...{ owed: (round: number) => this.owed(round).length, witnessed: () => this.verdicts.witnessed() },
      put: (database: string, key: string, value: unknown) => replica.put(database, key, value),
      signal: this.stopping.signal,
    }
    this.presence = new Presence(presence, options.capacity ?? 0)
    this.coordinator = !this.genesis.body.coordinators.includes(this.nodeKey)
      ? null
      : new Coordinator({
          ...{
            genesis: this.genesis,
            directory: options.home.directory,
            secret: options.home.nodeKey,
            replica,
            beacon,
          },
          wallRound: () => this.wallRound(),
          hasDraw: (epoch) => this.verdicts.hasDraw(epoch),
          say: (round) => this.presence.say(round),
          signal: this.stopping.signal,
          onSealed: (sealed) => this.events.emit('sealed', sealed),
        })
    const failed = (what: string) => (error: Error) => {
      if (!this.stopping.signal.aborted) notice(`cannot ${what}: ${error.message}`)
    }
    this.learningAll = new SingleFlight(() => this.learnAll(), failed('check a leaf'))
    this.settling = new Archive({
      ...{ directory: options.home.directory, genesis: this.genesis, node, replica, learning: this.learning, notice },
      round: () => this.round() ?? 0,
      isPending: (cid) => this.submitting.has(cid) || this.answers.isKept(cid),
      openEngine,
      signal: this.stopping.signal,
    })
    this.auditing = new SingleFlight(
      () => this.audits.run(this.state(), this.round() ?? 0, this.stopping.signal),
      failed('audit'),
    )
  }

  /** @throws typed errors of plumbing.ts and home.ts, in one line each */
  static async start(options: ServiceOptions): Promise<Service> {
    const { home } = options
    const { genesis } = home
    let service: Service | null = null
    const replica = new Replica(
      genesis,
      (name) => node.open(name),
      () => service?.events.emit('change'),
    )
    const node = await openNode({
      dir: home.directory,
      networkId: genesis.networkId,
      genesis: genesis.bytes,
      nodeKey: home.nodeKey,
      listen: [...(options.listen ?? home.config.listen)],
      peers: [...home.config.peers, ...(options.peers ?? [])],
      admit: replica.admit,
      quota: replica.quota,
    })
    try {
      service = new Service(options, node, replica, beaconOf(home))
      await service.begin()
      return service
    } catch (error) {
      await node.stop()
      throw error
    }
  }

  private async begin(): Promise<void> {
    const topic = this.node.topic('beacon')
    await hearRounds(topic, this.beacon)
    const isSource = this.home.beaconKey !== null || this.genesis.body.beacon.source === 'drand'
    await this.learning.start()
    await this.arrivals.start()
    await this.verdicts.start()
    if (!this.coordinator) await this.drawRounds.start()
    await this.settling.start()
    await this.replica.start(this.wallRound())
    await this.answers.start()
    await this.held.start()
    for (const draw of this.state().sealed.values()) this.verdicts.hear(draw)
    this.cleanups.push(
      this.beacon.onRound((round) => {
        this.events.emit('round', { round: round.round })
        if (isSource) void passOn(topic, round)
        this.queue(() => this.onRound(round))
      }),
      this.events.on('change', () => {
        void this.certifier.update()
        void this.learningAll.run()
        this.frauds.update()
        if (!this.judging) {
          this.judging = true
          this.queue(() => this.judge())
        }
      }),
    )
    this.cleanups.push(() => this.frauds.stop())
    await this.beacon.start()
  }

  private queue(action: () => Promise<void>): void {
    this.duty = this.duty.then(async () => {
      if (this.stopped) return
      try {
        await action()
      } catch (error) {
        this.events.emit('notice', { text: (error as Error).message })
      }
    })
  }

  private judging = false

  private async judge(): Promise<void> {
    this.judging = false
    await this.verdicts.judge()
    await this.held.release(this.state(), this.round() ?? 0)
  }

  private async onRound(round: BeaconRound): Promise<void> {
    await this.replica.openSpans(round.round)
    await this.arrivals.update()
    // A coordinator writes them down for everybody, and seals nothing before it has.
    if (!this.coordinator) await this.drawRounds.update(round)
    await this.verdicts.judge()
    // Not awaited: the puzzle may take minutes, and the rest of the network does not wait for this node's account.
    void this.presence.register(round)
    await this.presence.beat(round)
    await this.held.release(this.state(), round.round)
    await this.answers.flush(round, this.owed(round.round).length === 0)
    void this.learningAll.run()
    this.audit(round.round)
    // What a peer did not have when the window was certified, another may have by now.
    if (round.round % RETRY_ROUNDS === 0) void this.certifier.update()
    await this.settling.onRound(round.round)
    await this.coordinator?.onRound(round)
  }

  /** Computes again what others have, where the beacon asks this node to: once an epoch, if it works at all. */
  private audit(round: number): void {
    if (this.presence.capacity === 0) return
    this.audits.hear(this.state(), round)
    const epoch = Math.floor(round / this.genesis.body.epoch.rounds)
    if (this.auditing.busy || this.auditedIn === epoch) return
    this.auditedIn = epoch
    void this.auditing.run()
  }

  private async learnAll(): Promise<void> {
    while (!this.stopping.signal.aborted && (await this.learning.learn(this.state(), this.stopping.signal))) {
      this.replica.invalidate()
    }
  }

  private registrationOf(node: string, account: string) {
    return registrationDocument.parse(this.replica.get('accounts', documentKey.registration(node, account)))
  }

  state(): State {
    return this.replica.state()
  }

  documents() {
    return this.replica.dump()
  }

  history(): Uint8Array[] {
    return [...this.replica.history.values()].map(encodeSettled)
  }

  knowledge() {
    return this.learning.dump()
  }

  /** The leaf records that CIDs name, those that can be had now. */
  leafRecords(cids: readonly string[]): Promise<[string, Uint8Array][]> {
    return this.learning.records(cids, { timeoutMs: BLOCK_TIMEOUT, signal: this.stopping.signal })
  }

  get unitsPerWindow(): number {
    return this.replica.unitsPerWindow
  }

  /** The newest beacon round that this node has seen, or null. */
  round(): number | null {
    return this.beacon.current()?.round ?? null
  }

  /** Why no newer round can be had, in a sentence; null when all is well. */
  beaconTrouble(): string | null {
    return this.beacon.trouble()
  }

  /** Resolves when the first round is here. @throws {BeaconSilent} when none comes in a minute */
  async firstRound(): Promise<number> {
    return (await firstRound(this.beacon)).round
  }

  /** The round that the clock says: for our own decisions, never for judging others. */
  private wallRound(): number {
    return Math.max(1, roundAt(this.genesis.chain, Math.floor(Date.now() / 1000)))
  }

  /** Offers at most so many units from the next round on. */
  limitCapacity(units: number): void {
    this.presence.capacity = Math.min(this.presence.capacity, units)
  }

  /** Units that it offers to owe at a time; 0: it takes none. */
  get capacity(): number {
    return this.presence.capacity
  }

  /** Offers so many units from the next round on. */
  setCapacity(units: number): void {
    this.presence.capacity = units
  }

  /** The units that this node should compute now, oldest first. */
  owed(round = this.round() ?? 0): Assignment[] {
    const state = this.state()
    return duties(state, this.nodeKey, round).filter(
      (assignment) => !this.answers.has(assignment) && this.stands(state, assignment.epoch),
    )
  }

  /** A draw is worked by if this node accepts it, or if most of its roster witness it. */
  private stands(state: State, epoch: number): boolean {
    const dealt = state.draws.get(epoch)
    if (!dealt) return false
    return this.verdicts.accepts(dealt.cid) || isWitnessed(dealt.draw.body, state.witnesses.get(dealt.cid))
  }

  /** What this node made of the newest draws. */
  verdictsOnDraws(): Verdict[] {
    return this.verdicts.all()
  }

  /** Keeps a result of this node until it is committed to and shown: acknowledged means it survives a kill. */
  async submit(result: Omit<ResultBody, 'leaves'>, leaves: Uint8Array): Promise<void> {
    const { epoch, unit } = result
    const dealt = this.state().draws.get(epoch)?.assignments
    const assignment = dealt?.find((of) => of.window === BigInt(result.window) && of.unit === unit)
    const cid = rawCid(leaves).toString()
    this.submitting.add(cid)
    try {
      if (assignment?.audited && assignment.quorum[0] === this.nodeKey) await this.held.keep(assignment, leaves)
      else await this.node.blocks.put(leaves, 'raw')
      await this.answers.keep({ ...result, leaves: cid }, this.round() ?? 0)
    } finally {
      this.submitting.delete(cid)
    }
  }

  /** Results of this node that are not shown yet. */
  pending(): number {
    return this.answers.pending()
  }

  /** Gives units back, so that the reserve can begin at once. */
  async decline(assignments: readonly Assignment[]): Promise<void> {
    for (const { epoch, window, unit } of assignments) {
      const body: DeclineBody = {
        type: 'decline',
        network: this.genesis.networkId,
        epoch,
        window: window.toString(),
        unit,
      }
      await this.replica.put(
        databaseName('results', spanOf(epoch, this.genesis.body.epoch.perDatabase)),
        documentKey.decline(this.nodeKey, epoch, body.window, unit),
        { statement: sign(body, this.home.nodeKey).bytes },
      )
    }
  }

  /** Resolves when all that the documents so far set off is done: draws sealed, certificates written. */
  async idle(): Promise<void> {
    await this.duty
    await this.certifier.idle()
  }

  async stop(): Promise<void> {
    if (this.stopped) return
    const last = this.beacon.current()
    this.stopping.abort()
    const background = [this.learningAll, this.auditing, this.settling, this.certifier]
    await Promise.all(background.map((of) => of.idle()))
    await this.duty
    await this.coordinator?.idle()
    await this.arrivals.update()
    await this.presence.leave(last)
    this.stopped = true
    for (const cleanup of this.cleanups) cleanup()
    await this.drawRounds.stop()
    await this.beacon.stop()
    await this.duty
    await this.node.stop()
  }
}
