/**
 * What a node does about what is over. Windows about which everything has been said are settled (rules/history.ts): their
 * documents and leaves are deleted, their certificates go into the snapshot that is handed out (snapshot-exchange.ts). And what
 * is over and not here is asked of peers (settled-exchange.ts).
 */
import { existsSync } from 'node:fs'
import { CID } from 'multiformats/cid'
import type { Engine } from '../../kernels/unit.ts'
import { readDealtDraws } from '../rules/certificate.ts'
import type { Genesis } from '../rules/genesis.ts'
import { encodeSettled, type SettledConviction, type SettledWindow } from '../rules/history.ts'
import { RuleError } from '../rules/statement.ts'
import { certificatePath, readCertificateFile, removeCertificateFile, writeCertificateFile } from './certificates.ts'
import { fraudProofFiles, writeFraudProofFile } from './fraud.ts'
import type { Learning } from './knowledge.ts'
import type { Ledger } from './ledger.ts'
import type { OrbitNode } from './open.ts'
import { Single } from './serial.ts'
import { historyOf, leavesNamed, SETTLED, settleable, UNCONFIRMED } from './settled.ts'
import { SettledExchange } from './settled-exchange.ts'
import { SnapshotShelf } from './snapshot-exchange.ts'

/** How often it looks for what is over, and asks a peer, in rounds. */
const EVERY = 20
/** How often the draws of a window from a snapshot are looked for, and how long at a time. */
const TRIES = 10
const CONFIRMING_MS = 500

export interface SettlingOptions {
  readonly directory: string
  readonly genesis: Genesis
  readonly node: Pick<OrbitNode, 'kv' | 'blocks' | 'handle' | 'dial' | 'peers'>
  readonly ledger: Ledger
  readonly learning: Learning
  /** The newest round, 0 before the first. */
  readonly round: () => number
  /** Whether this node still needs the leaves that a CID names, though no document speaks of them yet. */
  readonly isPending: (cid: string) => boolean
  readonly openEngine: () => Engine
  readonly notice: (text: string) => void
  readonly signal: AbortSignal
}

export class Settling {
  private readonly options: SettlingOptions
  private readonly shelf: SnapshotShelf
  private readonly exchange: SettledExchange
  /** Beside everything else: a large snapshot takes a while to write, and what comes from peers to check. */
  private readonly shelving: Single
  private readonly catchingUp: Single
  private hasAsked = false

  constructor(options: SettlingOptions) {
    const { directory, genesis, node, ledger, signal, notice } = options
    this.options = options
    this.shelf = new SnapshotShelf(directory, genesis)
    this.exchange = new SettledExchange({
      ...{ genesis, node, shelf: this.shelf, signal, round: options.round, openEngine: options.openEngine },
      certified: () => this.certifiedWindows(),
      take: (settled, certificate) => this.take(settled, certificate),
      isDraw: (cid) => ledger.isPublished(cid),
      convicted: () => ledger.state().convictions.map(({ account }) => account),
      proofs: (but) =>
        fraudProofFiles(
          directory,
          ledger.state().convictions.filter(({ account }) => !but.has(account)),
        ),
      convict: (conviction, proof) => this.convict(conviction, proof),
    })
    const failed = (what: string) => (error: Error) => {
      if (!signal.aborted) notice(`cannot ${what}: ${error.message}`)
    }
    this.shelving = new Single(() => this.shelf.update(ledger.history.keys()), failed('write the snapshot'))
    this.catchingUp = new Single(() => this.catchUp(), failed('take what a peer sent'))
  }

  /** Before the ledger is started. */
  async start(): Promise<void> {
    const { node, ledger } = this.options
    for (const [window, of] of historyOf(await node.kv.entries(SETTLED))) ledger.history.set(window, of)
    await this.shelf.serve(node)
    await this.exchange.serve()
    void this.shelving.run()
  }

  async onRound(round: number): Promise<void> {
    const { directory, node, ledger } = this.options
    const isTime = round % EVERY === 0
    if (isTime) {
      await this.settle(settleable(ledger.state(), round, directory))
      void this.shelving.run()
      await ledger.dropSpans(round)
    }
    const hasPeers = node.peers().length > 0
    if (isTime && hasPeers) await this.confirm()
    if (isTime || (!this.hasAsked && hasPeers)) void this.catchingUp.run()
    this.hasAsked ||= hasPeers
  }

  /** Resolves when nothing of it is under way. */
  async settled(): Promise<void> {
    await Promise.all([this.shelving.settled(), this.catchingUp.settled()])
  }

  /**
   * A snapshot proves that nodes were dealt units by a draw and agreed; whether that draw was ever published it can't prove.
   * The log of draws tells, once it is here. What is not in it after a while is not believed any more.
   */
  private async confirm(): Promise<void> {
    const { directory, node, ledger, notice } = this.options
    const began = performance.now()
    for (const [key, [tries = 0]] of await node.kv.entries(UNCONFIRMED)) {
      if (performance.now() - began > CONFIRMING_MS) return
      const window = BigInt(key.slice(UNCONFIRMED.length))
      const file = readCertificateFile(directory, window)
      const isPublished = file !== null && readDealtDraws(file).every(({ cid }) => ledger.isPublished(cid))
      if (!isPublished && tries + 1 < TRIES) {
        await node.kv.put(key, new Uint8Array([tries + 1]))
        continue
      }
      await node.kv.delete(key)
      if (isPublished) continue
      await node.kv.delete(`${SETTLED}${window}`)
      ledger.history.delete(window)
      ledger.invalidate()
      removeCertificateFile(directory, window)
      notice(`window ${window} of the snapshot rests on a draw that nobody published: it does not count any more`)
    }
  }

  /** What is over is remembered in a few bytes; its documents are forgotten, and the leaves of its results. */
  private async settle(windows: readonly SettledWindow[]): Promise<void> {
    const { node, ledger, learning, round, isPending } = this.options
    if (windows.length === 0) return
    for (const settled of windows) await node.kv.put(`${SETTLED}${settled.window}`, encodeSettled(settled))
    const before = leavesNamed(ledger.state())
    ledger.settle(windows, round())
    const live = leavesNamed(ledger.state())
    learning.forget(live)
    for (const cid of before) if (!live.has(cid) && !isPending(cid)) await node.blocks.delete(CID.parse(cid))
  }

  /** This node may be new, or have been away. */
  private async catchUp(): Promise<void> {
    const { windows, convictions } = await this.exchange.ask().catch((error) => {
      if (error instanceof RuleError) throw error
      // Gone, busy, or of another kind: the next one is asked in a minute.
      return { windows: 0, convictions: 0 }
    })
    const said = (count: number, what: string) => (count > 0 ? [`${count} ${what}${count > 1 ? 's' : ''}`] : [])
    const came = [...said(windows, 'certified window'), ...said(convictions, 'fraud proof')]
    if (came.length > 0) this.options.notice(`${came.join(' and ')} came from a peer, checked`)
    if (windows > 0) void this.shelving.run()
  }

  /** Windows whose certificate is here, ascending. */
  private certifiedWindows(): bigint[] {
    const { directory, ledger } = this.options
    const isHere = (window: bigint) => existsSync(certificatePath(directory, window))
    return [...ledger.state().windows.values()]
      .filter(({ complete, settled, window }) => settled || (complete && isHere(window)))
      .map(({ window }) => window)
  }

  private async take(settled: SettledWindow, certificate: Uint8Array): Promise<void> {
    const { directory } = this.options
    // First the file: one that nothing says is settled does no harm, the other way round it would be missing.
    if (!readCertificateFile(directory, settled.window)) writeCertificateFile(directory, settled.window, certificate)
    await this.settle([settled])
  }

  private async convict(conviction: SettledConviction, proof: Uint8Array): Promise<void> {
    writeFraudProofFile(this.options.directory, conviction, proof)
    await this.options.learning.convict(conviction)
    this.options.ledger.invalidate()
  }
}
