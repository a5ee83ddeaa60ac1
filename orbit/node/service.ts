/**
 * A node of a network, as the program sees it: it starts the plumbing (plumbing.ts), the beacon and
 * the parts (parts.ts), hands rounds and changes to the parts one after the other, and stops them.
 * Computing units is for the worker (worker.ts), which the node serves as a WorkHost.
 */

import type { Engine, EvidenceRequest, UnitResult } from '../../kernels/unit.ts'
import { createMemory, type Memory } from '../rules/base/memory.ts'
import { publicKeyOf } from '../rules/base/statement.ts'
import { admit } from '../rules/message/admit.ts'
import type { Assignment } from '../rules/message/unit.ts'
import type { Genesis } from '../rules/network/genesis.ts'
import { encodeSettled } from '../rules/state/settled-window.ts'
import type { State } from '../rules/state/state.ts'
import { Emitter } from './async/emitter.ts'
import { Serial } from './async/queue.ts'
import { beaconOf } from './beacon/choose.ts'
import { firstRound, hearRounds, passOn } from './beacon/gossip.ts'
import type { BeaconRound, BeaconSource } from './beacon/source.ts'
import type { Verdict } from './epoch/verdicts.ts'
import type { Home } from './home/home.ts'
import { Payers } from './log/quota.ts'
import type { OrbitNode } from './orbit-node.ts'
import type { Part } from './part.ts'
import { composeParts, type Parts } from './parts.ts'
import { openNode } from './plumbing.ts'
import type { ServiceEvents } from './service-events.ts'
import type { KeyValues } from './storage/private.ts'
import type { WorkHost } from './work/work-host.ts'

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

export class Service implements WorkHost {
  readonly events = new Emitter<ServiceEvents>()
  readonly genesis: Genesis
  readonly nodeKey: string
  readonly accountKey: string
  readonly home: Home
  readonly node: OrbitNode
  readonly beacon: BeaconSource
  readonly parts: Parts
  private readonly table: readonly Part[]
  private readonly stopping = new AbortController()
  /** What rounds and changes set off, one after the other. */
  private readonly duty = new Serial()
  private isChangeQueued = false
  private isStopped = false
  private readonly unsubscribe: (() => void)[] = []

  private constructor(options: ServiceOptions, node: OrbitNode, payers: Payers, memory: Memory) {
    const { home, capacity = 0, engines = ['wasm'] } = options
    this.home = home
    this.genesis = home.genesis
    this.nodeKey = publicKeyOf(home.nodeKey)
    this.accountKey = publicKeyOf(home.accountKey)
    this.node = node
    this.beacon = beaconOf(home)
    const { beacon, events } = this
    const { signal } = this.stopping
    const { parts, table } = composeParts({ home, node, payers, memory, beacon, events, capacity, engines, signal })
    this.parts = parts
    this.table = table
  }

  /** @throws typed errors of plumbing.ts and home.ts, in one line each */
  static async start(options: ServiceOptions): Promise<Service> {
    const { home } = options
    const { genesis } = home
    const payers = new Payers(genesis)
    const memory = createMemory()
    const node = await openNode({
      dir: home.directory,
      networkId: genesis.networkId,
      genesis: genesis.bytes,
      nodeKey: home.nodeKey,
      listen: [...(options.listen ?? home.config.listen)],
      peers: [...home.config.peers, ...(options.peers ?? [])],
      admit: (...document) => admit(genesis, ...document, memory),
      quota: payers.quota,
    })
    try {
      const service = new Service(options, node, payers, memory)
      await service.begin()
      return service
    } catch (error) {
      await node.stop()
      throw error
    }
  }

  private async begin(): Promise<void> {
    const { beacon, events, table } = this
    const topic = this.node.topic('beacon')
    await hearRounds(topic, beacon)
    const isSource = this.home.beaconKey !== null || this.genesis.body.beacon.source === 'drand'
    for (const part of table) await part.load?.()
    for (const part of table) await part.start?.()
    const onRound = (round: BeaconRound) => {
      events.emit('round', { round: round.round })
      if (isSource) void passOn(topic, round)
      this.queue(async () => {
        for (const part of table) await part.onRound?.(round)
      })
    }
    this.unsubscribe.push(
      beacon.onRound(onRound),
      events.on('change', () => this.queueChange()),
    )
    await beacon.start()
  }

  private queue(action: () => Promise<void>): void {
    if (this.stopping.signal.aborted) return
    this.duty.run(action).catch((error: Error) => this.events.emit('notice', { text: error.message }))
  }

  /** Changes come in bursts: those that come before the parts have their turn are one. */
  private queueChange(): void {
    if (this.isChangeQueued) return
    this.isChangeQueued = true
    this.queue(async () => {
      this.isChangeQueued = false
      for (const part of this.table) await part.onChange?.()
    })
  }

  get kv(): KeyValues {
    return this.node.kv
  }

  hasPeers(): boolean {
    return this.node.peers().length > 0
  }

  state(): State {
    return this.parts.replica.state()
  }

  documents() {
    return this.parts.replica.dump()
  }

  history(): Uint8Array[] {
    return [...this.parts.replica.history.values()].map(encodeSettled)
  }

  knowledge() {
    return this.parts.facts.dump()
  }

  /** The leaf records that CIDs name, those that are here. */
  leafRecords(cids: readonly string[]): [string, Uint8Array][] {
    return cids.flatMap((cid) => {
      const records = this.parts.facts.leaves(cid)
      return records ? [[cid, records]] : []
    })
  }

  get unitsPerWindow(): number {
    return this.parts.replica.unitsPerWindow
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

  /** Offers at most so many units from the next round on. */
  limitCapacity(units: number): void {
    this.setCapacity(Math.min(this.capacity, units))
  }

  /** Units that it offers to owe at a time; 0: it takes none. */
  get capacity(): number {
    return this.parts.presence.capacity
  }

  /** Offers so many units from the next round on. */
  setCapacity(units: number): void {
    this.parts.presence.capacity = units
  }

  /** The units that this node should compute now, oldest first. */
  owed(round = this.round() ?? 0): Assignment[] {
    return this.parts.units.owed(round)
  }

  /** What this node made of the newest draws. */
  verdictsOnDraws(): Verdict[] {
    return this.parts.verdicts.all()
  }

  /** The evidence that is asked of this node for a unit that it owes. */
  request(assignment: Assignment): EvidenceRequest {
    return this.parts.units.request(assignment)
  }

  /** Keeps a result of this node until it is shown. When it resolves, it survives a kill. */
  submit(assignment: Assignment, result: UnitResult): Promise<void> {
    return this.parts.units.submit(assignment, result, this.round() ?? 0)
  }

  /** Results of this node that are not shown yet. */
  pending(): number {
    return this.parts.submissions.pending()
  }

  /** Gives units back, so that the reserve can begin at once. */
  decline(assignments: readonly Assignment[]): Promise<void> {
    return this.parts.units.decline(assignments)
  }

  /**
   * Resolves when all that the documents so far set off is done: draws sealed, certificates
   * written.
   */
  async idle(): Promise<void> {
    await this.duty.idle()
    await this.parts.certifier.idle()
  }

  async stop(): Promise<void> {
    if (this.isStopped) return
    this.isStopped = true
    this.stopping.abort()
    await this.duty.close()
    for (const part of [...this.table].reverse()) await part.stop?.()
    for (const off of this.unsubscribe) off()
    await this.beacon.stop()
    await this.node.stop()
  }
}
