/** A network in miniature, in memory: one founder, N = 1, a local beacon, windows of 2^28, results of the real engine. */

import { hexToBytes } from '@noble/hashes/utils.js'
import { merkleRoot } from '../../../kernels/merkle.ts'
import { classes } from '../../../kernels/partition.ts'
import { encodeLeaf } from '../../../kernels/result.ts'
import { WasmEngine } from '../../../kernels/wasm/engine.ts'
import { bunPlatform } from '../../../kernels/wasm/open.ts'
import { commitTo, itemsOf } from '../../../orbit/rules/answer/commit-reveal.ts'
import { cidOf, rawCid } from '../../../orbit/rules/base/cid.ts'
import { createMemory } from '../../../orbit/rules/base/memory.ts'
import { publicKeyOf, sign } from '../../../orbit/rules/base/statement.ts'
import { nextDraw } from '../../../orbit/rules/draw/seal.ts'
import type { SaltedResult } from '../../../orbit/rules/message/answers.ts'
import {
  checksumHex,
  type DrawBody,
  type HeartbeatBody,
  peakText,
  type ResultBody,
} from '../../../orbit/rules/message/bodies.ts'
import { localChain, localSecret, signRound } from '../../../orbit/rules/network/beacon.ts'
import { type Genesis, type GenesisBody, readGenesis } from '../../../orbit/rules/network/genesis.ts'
import { seedRound } from '../../../orbit/rules/network/schedule.ts'
import { NO_HISTORY } from '../../../orbit/rules/state/settled-window.ts'
import { type Documents, NO_KNOWLEDGE, type State, stateOf } from '../../../orbit/rules/state/state.ts'

const seed = (n: number) => hexToBytes(n.toString(16).padStart(64, '0'))

export interface Miniature {
  readonly genesis: Genesis
  readonly documents: { [K in keyof Documents]: unknown[] }
  readonly records: Map<string, Uint8Array>
  readonly nodeSecret: Uint8Array
  readonly accountSecret: Uint8Array
  readonly node: string
  state(): State
  /** Seals and deals the next draw of so many units. */
  draw(round: number, capacity: number): DrawBody
  /** Computes and signs whatever the newest deal asks. */
  work(epoch: number): Promise<void>
  registration(node: string): { registration: Uint8Array; consent: Uint8Array }
}

const beaconSecret = localSecret(new Uint8Array(48).fill(7))

export function miniature(changes: Partial<GenesisBody> = {}): Miniature {
  const [accountSecret, nodeSecret] = [seed(1), seed(2)]
  const [account, node] = [publicKeyOf(accountSecret), publicKeyOf(nodeSecret)]
  const body: GenesisBody = {
    type: 'genesis',
    version: 1,
    name: 'miniature',
    baseline: { below: (1n << 71n).toString(), citation: 'a test', url: 'https://example.org/' },
    partition: { map: '3n+1', bits: 28, units: 4, leaves: 8, hardSteps: 128 },
    replication: 1,
    epoch: { rounds: 3, perDatabase: 10 },
    freshRounds: 300,
    deadlineRounds: 900,
    allowance: { newcomer: 100_000, rounds: 1000 },
    missLimit: 4,
    beacon: { source: 'local', ...localChain(beaconSecret, 1_700_000_000, 1) },
    coordinators: [node],
    founders: [{ account, node }],
    registration: { N: 2, r: 1, p: 1, tries: 1 },
    audit: { leaves: 2, auditors: 2, adaptive: false },
    trust: { verified: 10, trusted: 100, elite: 1000, idleRounds: 1_000_000 },
    vote: { deadlineRounds: 1000 },
    genesis_timestamp: 1_700_000_000_000,
    ...changes,
  }
  const genesis = readGenesis(sign(body, accountSecret).bytes)
  const network = genesis.networkId
  const registration = {
    registration: sign(
      {
        type: 'registration',
        network,
        account,
        node,
        name: 'founder',
        round: 1,
        beacon: signRound(beaconSecret, 1),
        nonce: 0,
      },
      accountSecret,
    ).bytes,
    consent: sign({ type: 'consent', network, account, node }, nodeSecret).bytes,
  }
  const documents: Miniature['documents'] = { accounts: [registration], pool: [], draws: [], results: [] }
  const records = new Map<string, Uint8Array>()
  const units = classes(genesis.partition).length
  const memory = createMemory()
  const state = () => stateOf(genesis, units, documents, NO_KNOWLEDGE, NO_HISTORY, memory)
  return {
    genesis,
    documents,
    records,
    nodeSecret,
    accountSecret,
    node,
    state,
    registration: () => registration,
    draw(round, capacity) {
      const beacon = signRound(beaconSecret, round)
      const heartbeat: HeartbeatBody = {
        ...{ type: 'heartbeat', network, node, round, beacon, capacity },
        ...{ engines: ['wasm'], witnessed: [] },
      }
      documents.pool.push({ statement: sign(heartbeat, nodeSecret).bytes })
      const cited = { cited: [{ span: 0, heads: ['zdpuHead'] }], heartbeats: [heartbeat] }
      const draw = nextDraw(state(), round, units, cited)
      if (!draw) throw new Error('there is nothing to draw')
      const seedOf = seedRound(genesis, draw.epoch)
      const { bytes } = sign(draw, nodeSecret)
      documents.draws.push({ statement: bytes })
      const witnessed = [{ epoch: draw.epoch, draw: cidOf(bytes).toString() }]
      documents.pool.push({ statement: sign({ ...heartbeat, witnessed }, nodeSecret).bytes })
      documents.draws.push({ round: seedOf, signature: signRound(beaconSecret, seedOf) })
      return draw
    },
    async work(epoch) {
      const engine = new WasmEngine(bunPlatform, { workers: 1 })
      const results: SaltedResult[] = []
      try {
        for (const { window, unit } of state().draws.get(epoch)!.assignments) {
          const result = await engine.verify({ partition: genesis.partition, window, index: unit })
          const leaves = Buffer.concat(result.leaves.map(encodeLeaf))
          const body: ResultBody = {
            epoch,
            window: window.toString(),
            unit,
            count: result.count,
            checksum: checksumHex(result.checksum),
            peak: peakText(result.peak),
            root: result.root,
            leaves: rawCid(leaves).toString(),
          }
          records.set(body.leaves, new Uint8Array(leaves))
          results.push({ result: body, salt: new Uint8Array(16).fill(unit) })
        }
        const at = {
          batch: epoch,
          round: seedRound(genesis, epoch),
          beacon: signRound(beaconSecret, seedRound(genesis, epoch)),
        }
        const commit = sign({ type: 'commit', network, ...commitTo(node, results), ...at }, nodeSecret).bytes
        documents.results.push({ statement: commit })
        const items = itemsOf(cidOf(commit).toString(), node, results, new Map(results.map((_, i) => [i, []])))
        const shown = { type: 'reveal', network, part: 0, size: items.length, root: merkleRoot(items), ...at }
        documents.results.push({ statement: sign(shown, nodeSecret).bytes, items })
      } finally {
        await engine.close()
      }
    },
  }
}
