/**
 * A network in miniature, in memory: one founder, N = 1, a local beacon, windows of 2^28, results
 * of the real engine.
 */

import { hexToBytes } from '@noble/hashes/utils.js'
import { classes } from '../../../kernels/partition.ts'
import { WasmEngine } from '../../../kernels/wasm/engine.ts'
import { bunPlatform } from '../../../kernels/wasm/open.ts'
import { type Judgement, judge, requestFor } from '../../../orbit/rules/answer/judge.ts'
import { blockOf, resultOf, type UnsignedResult } from '../../../orbit/rules/answer/results.ts'
import { cidOf, rawCid } from '../../../orbit/rules/base/cid.ts'
import { createMemory } from '../../../orbit/rules/base/memory.ts'
import { publicKeyOf, sign } from '../../../orbit/rules/base/statement.ts'
import { nextDraw } from '../../../orbit/rules/draw/seal.ts'
import type { DrawBody, HeartbeatBody } from '../../../orbit/rules/message/bodies.ts'
import { localChain, localSecret, randomnessOf, signRound } from '../../../orbit/rules/network/beacon.ts'
import { type Genesis, type GenesisBody, readGenesis } from '../../../orbit/rules/network/genesis.ts'
import { seedRound } from '../../../orbit/rules/network/schedule.ts'
import { NO_HISTORY } from '../../../orbit/rules/state/settled-window.ts'
import { type Documents, type Knowledge, NO_KNOWLEDGE, type State, stateOf } from '../../../orbit/rules/state/state.ts'

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
    version: 2,
    name: 'miniature',
    baseline: { below: (1n << 71n).toString(), citation: 'a test', url: 'https://example.org/' },
    partition: { map: '3n+1', bits: 28, units: 4, leaves: 8, hardSteps: 128, evidence: { flagBits: 4, items: 64 } },
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
  const knowledge: Knowledge = {
    ...NO_KNOWLEDGE,
    block: (cid) => records.get(cid),
    leaves: (cid) => records.get(cid),
    judged: (cid, index) => judgements.get(`${cid} ${index}`),
  }
  const judgements = new Map<string, Judgement>()
  /** Whatever is shown is judged, as a node does it. */
  const state = (): State => {
    const found = current()
    for (const { assignment, result } of found.wants.judgements) {
      const seed = randomnessOf(signRound(beaconSecret, seedRound(genesis, assignment.epoch)))
      const leaves = records.get(result.item.leaves)!
      judgements.set(`${result.cid} ${result.index}`, judge(genesis, assignment, result, leaves, seed))
    }
    return found.wants.judgements.length > 0 ? current() : found
  }
  const current = () => stateOf(genesis, units, documents, knowledge, NO_HISTORY, memory)
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
      const results: UnsignedResult[] = []
      const [round, beacon] = [seedRound(genesis, epoch), signRound(beaconSecret, seedRound(genesis, epoch))]
      try {
        for (const assignment of state().draws.get(epoch)!.assignments) {
          const { window, unit } = assignment
          const evidence = requestFor(genesis, assignment, node, randomnessOf(beacon))
          const computed = await engine.verify({ partition: genesis.partition, window, index: unit }, { evidence })
          const { leaves, ...result } = resultOf(genesis, assignment, computed)
          records.set(rawCid(leaves).toString(), leaves)
          results.push(result)
        }
        const { bytes, ...root } = blockOf(results)
        records.set(root.block, bytes)
        const body = { type: 'results', network, batch: epoch, round, beacon, ...root }
        documents.results.push({ statement: sign(body, nodeSecret).bytes })
      } finally {
        await engine.close()
      }
    },
  }
}
