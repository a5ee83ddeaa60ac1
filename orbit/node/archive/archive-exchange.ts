/**
 * Exchange of what is over, for a node that was away or is new: the documents about it are deleted
 * everywhere (archive.ts), so the node asks its peers for the certificates of archived windows and
 * for the proofs behind bans. Protocol /collatz/settled/1.
 *
 * The asker sends one message, dag-cbor [network id, ranges, accounts]: the windows that it does
 * not need, as [from, to] with both ends included, decimal strings, ascending; and the accounts
 * that it knows to be convicted. The answer has up to 64 files. First a fraud proof of each other
 * account: a message dag-cbor ["fraud proof", size]. Then the certificate of each other window in
 * the peer's snapshot, ascending: dag-cbor [window as a decimal string, size]. The bytes of each
 * file follow in messages of up to 64 KiB. The asker checks all of them and believes nothing.
 *
 * It takes only windows that are over: about others the documents may say more than the
 * certificate. It takes none where all accounts behind some unit are banned here.
 */

import * as dagCbor from '@ipld/dag-cbor'
import type { Stream } from '@libp2p/interface'
import { z } from 'zod'
import type { Engine } from '../../../kernels/unit.ts'
import { field } from '../../rules/base/fields.ts'
import type { Memory } from '../../rules/base/memory.ts'
import { RuleError } from '../../rules/base/statement.ts'
import type { Genesis } from '../../rules/network/genesis.ts'
import { falls, isOver, type SettledConviction, type SettledWindow } from '../../rules/state/settled-window.ts'
import { checkFraudProof } from '../home/fraud-proof-files.ts'
import type { OrbitNode } from '../orbit-node.ts'
import { messages, sendMessage } from '../p2p/streams.ts'
import { readCertifiedWindow } from './snapshot.ts'
import type { SnapshotShelf } from './snapshot-exchange.ts'

const PROTOCOL = '/collatz/settled/1'
const MAX_RANGES = 4096
const CHUNK = 1 << 16
const MAX_REQUEST = 1 << 19
/** 65,536 units, the most of a window, take 200 MiB. */
const LARGEST = 256 << 20
/** A proof has at most a block of leaves in it. */
const LARGEST_PROOF = 32 << 20
/** Files an answer has at most. */
const AT_ONCE = 64
const MAX_ACCOUNTS = 4096
const FRAUD_PROOF = 'fraud proof'
const SERVING_MS = 120_000
const SERVED_AT_ONCE = 3
const STALL_MS = 20_000
/** A peer that sent something that does not hold is not asked again for so long. */
const BANNED_MS = 3_600_000

const request = z.tuple([
  field.network,
  z.array(z.tuple([field.natural, field.natural])).max(MAX_RANGES),
  z.array(field.key).max(MAX_ACCOUNTS),
])
const header = z.union([
  z.tuple([z.literal(FRAUD_PROOF), z.number().int().min(1).max(LARGEST_PROOF)]),
  z.tuple([field.natural, z.number().int().min(1).max(LARGEST)]),
])

/** What was taken from a peer. */
interface Taken {
  windows: number
  convictions: number
}

export interface ArchiveExchangeOptions {
  readonly genesis: Genesis
  /** Remembers what was opened and checked. */
  readonly memory?: Memory
  readonly node: Pick<OrbitNode, 'handle' | 'dial' | 'peers'>
  readonly shelf: Pick<SnapshotShelf, 'certificates'>
  /** Windows whose certificate is here, archived or not; ascending. */
  readonly certified: () => readonly bigint[]
  /** Accounts that are known to be convicted. */
  readonly convicted: () => readonly string[]
  /** The fraud proofs that lie here, except those of some accounts. */
  readonly proofs: (except: ReadonlySet<string>) => Iterable<Uint8Array>
  /**
   * Whether a draw is among those published, and none of that coordinator for that epoch has more
   * accounts on its roster.
   */
  readonly isDraw: (cid: string) => boolean
  readonly round: () => number
  readonly openEngine: () => Engine
  /** A window has been checked: keep it. */
  readonly take: (settled: SettledWindow, certificate: Uint8Array) => Promise<void>
  /** A fraud proof has been checked: keep it. */
  readonly convict: (conviction: SettledConviction, proof: Uint8Array) => Promise<void>
  readonly signal: AbortSignal
}

/** As ranges with both ends in them. @param windows ascending */
export function rangesOf(windows: readonly bigint[]): [string, string][] {
  const ranges: [bigint, bigint][] = []
  for (const window of windows) {
    const last = ranges.at(-1)
    if (last && window === last[1] + 1n) last[1] = window
    else ranges.push([window, window])
  }
  return ranges.slice(0, MAX_RANGES).map(([from, to]) => [from.toString(), to.toString()])
}

export class ArchiveExchange {
  private readonly options: ArchiveExchangeOptions
  private serving = 0
  /** By peer: until when, on performance.now()'s clock. */
  private readonly bans = new Map<string, number>()

  constructor(options: ArchiveExchangeOptions) {
    this.options = options
  }

  async serve(): Promise<void> {
    await this.options.node.handle(PROTOCOL, async (stream) => {
      if (this.serving >= SERVED_AT_ONCE) return stream.abort(new Error('busy'))
      this.serving++
      const signal = AbortSignal.any([this.options.signal, AbortSignal.timeout(SERVING_MS)])
      const giveUp = () => stream.abort(new Error('no answer in time'))
      signal.addEventListener('abort', giveUp)
      try {
        await this.answer(stream, signal)
        await stream.close({ signal })
      } catch (error) {
        stream.abort(error as Error)
      } finally {
        signal.removeEventListener('abort', giveUp)
        this.serving--
      }
    })
  }

  private async answer(stream: Stream, signal: AbortSignal): Promise<void> {
    const { value } = await messages(stream, MAX_REQUEST).next()
    if (!value) return
    const [network, ranges, accounts] = request.parse(dagCbor.decode(value))
    if (network !== this.options.genesis.networkId) return
    let sent = 0
    for (const proof of this.options.proofs(new Set(accounts))) {
      await sendMessage(stream, dagCbor.encode([FRAUD_PROOF, proof.length]), signal)
      for (let at = 0; at < proof.length; at += CHUNK) await sendMessage(stream, proof.slice(at, at + CHUNK), signal)
      if (++sent === AT_ONCE) return
    }
    const had = ranges.map(([from, to]) => [BigInt(from), BigInt(to)] as const)
    const isWanted = (window: bigint) => !had.some(([from, to]) => from <= window && window <= to)
    for await (const { window, size, bytes } of this.options.shelf.certificates(isWanted)) {
      await sendMessage(stream, dagCbor.encode([window.toString(), size]), signal)
      for await (const chunk of bytes) await sendMessage(stream, chunk, signal)
      if (++sent === AT_ONCE) return
    }
  }

  /**
   * Asks one of the peers that have sent nothing wrong for what is not here.
   *
   * @returns how many windows were taken, and how many convictions
   * @throws {RuleError} when what it sends does not hold; what came before that is kept
   */
  async ask(): Promise<Taken> {
    const { node, genesis, certified, convicted, signal } = this.options
    const now = performance.now()
    const peers = [...new Set(node.peers().map(({ id }) => id))].filter((id) => now >= (this.bans.get(id) ?? 0))
    const peer = peers[Math.floor(Math.random() * peers.length)]
    const taken = { windows: 0, convictions: 0 }
    if (peer === undefined) return taken
    for (let more = true; more; ) {
      const stalled = new AbortController()
      const ending = AbortSignal.any([signal, stalled.signal])
      const stream = await node.dial(peer, PROTOCOL, AbortSignal.any([signal, AbortSignal.timeout(STALL_MS)]))
      const giveUp = () => stream.abort(new Error('no answer in time'))
      ending.addEventListener('abort', giveUp)
      try {
        const known = [...convicted()].slice(0, MAX_ACCOUNTS)
        await sendMessage(stream, dagCbor.encode([genesis.networkId, rangesOf(certified()), known]), ending)
        const before = taken.windows + taken.convictions
        const files = await this.takeAll(stream, stalled, taken)
        more = files === AT_ONCE && taken.windows + taken.convictions > before
        await stream.close({ signal: ending })
      } catch (error) {
        stream.abort(error as Error)
        if (error instanceof RuleError) this.bans.set(peer, now + BANNED_MS)
        throw error
      } finally {
        ending.removeEventListener('abort', giveUp)
      }
    }
    return taken
  }

  /** Counts in `taken` what it keeps. @returns how many files came */
  private async takeAll(stream: Stream, stalled: AbortController, taken: Taken): Promise<number> {
    const incoming = messages(stream, CHUNK)
    let timer: Timer | undefined
    const next = async () => {
      timer = setTimeout(() => stalled.abort(), STALL_MS)
      const { value } = await incoming.next()
      clearTimeout(timer)
      return value
    }
    const engine = this.options.openEngine()
    let files = 0
    try {
      for (let head = await next(); head && files < AT_ONCE; head = await next()) {
        const parsed = header.safeParse(dagCbor.decode(head))
        if (!parsed.success) throw new RuleError('a peer sent something else than archived windows')
        const [subject, size] = parsed.data
        const file = await fileFrom(next, size)
        files++
        if (subject === FRAUD_PROOF) await this.takeProof(file, engine, taken)
        else await this.takeWindow(subject, file, engine, taken)
      }
    } finally {
      clearTimeout(timer)
      await engine.close()
    }
    return files
  }

  private async takeProof(file: Uint8Array, engine: Engine, taken: Taken): Promise<void> {
    const { genesis, convicted, convict } = this.options
    const conviction = await checkFraudProof(file, genesis, engine)
    if (convicted().includes(conviction.account)) return
    await convict(conviction, file)
    taken.convictions++
  }

  /** @param window as a decimal string */
  private async takeWindow(window: string, file: Uint8Array, engine: Engine, taken: Taken): Promise<void> {
    const { genesis, certified, convicted, isDraw, round, take } = this.options
    if (certified().includes(BigInt(window))) return
    const { settled, draws } = await readCertifiedWindow(window, file, genesis, engine, this.options.memory)
    // A certificate on a draw that was never published counts nothing; a draw that is not here yet
    // may be in a minute.
    if (!isOver(genesis, settled, round()) || !draws.every(isDraw)) return
    // The sender need not know yet which accounts are banned here.
    if (falls(settled, new Set(convicted()))) return
    await take(settled, file)
    taken.windows++
  }
}

/** A file of so many bytes, from messages. @throws {RuleError} when more come */
async function fileFrom(next: () => Promise<Uint8Array | undefined>, size: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for (let received = 0; received < size; ) {
    const part = await next()
    if (!part) throw new Error('the peer broke off')
    if (part.length === 0 || received + part.length > size) {
      throw new RuleError('a peer sent a file that is not as long as it said')
    }
    parts.push(part)
    received += part.length
  }
  return new Uint8Array(Buffer.concat(parts))
}
