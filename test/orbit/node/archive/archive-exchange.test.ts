/**
 * What is over, from a peer: certificates and fraud proofs that hold are taken, and a peer that sends
 * one that does not is not asked again.
 */
import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as dagCbor from '@ipld/dag-cbor'
import type { Engine } from '../../../../kernels/unit.ts'
import { ArchiveExchange, rangesOf } from '../../../../orbit/node/archive/archive-exchange.ts'
import { importSnapshot } from '../../../../orbit/node/archive/import.ts'
import { writeSnapshot } from '../../../../orbit/node/archive/snapshot.ts'
import type { SnapshotShelf } from '../../../../orbit/node/archive/snapshot-exchange.ts'
import type { SingleFlight } from '../../../../orbit/node/async/queue.ts'
import { fraudProofPath } from '../../../../orbit/node/home/fraud-proof-files.ts'
import { createHome, type Home } from '../../../../orbit/node/home/home.ts'
import { readHistory, readKnowledge } from '../../../../orbit/node/offline/knowledge.ts'
import { knowledgeOf } from '../../../../orbit/node/replica/knowledge.ts'
import type { Replica } from '../../../../orbit/node/replica/replica.ts'
import { Service } from '../../../../orbit/node/service.ts'
import { readFraudProof, writeFraudProof } from '../../../../orbit/rules/certificate/fraud-proof.ts'
import { withoutLeaves, writeCertificate } from '../../../../orbit/rules/certificate/write.ts'
import { documentKey } from '../../../../orbit/rules/message/documents.ts'
import { localSecret } from '../../../../orbit/rules/network/beacon.ts'
import { settledAfter } from '../../../../orbit/rules/network/schedule.ts'
import {
  type SettledConviction,
  type SettledWindow,
  settledConviction,
} from '../../../../orbit/rules/state/settled-window.ts'
import { NO_KNOWLEDGE, stateOf } from '../../../../orbit/rules/state/state.ts'
import { summaryOf } from '../../../../orbit/rules/state/windows.ts'
import { PATIENCE } from '../../../until.ts'
import { Party } from '../../rules/party.ts'
import { Lab, until } from '../nodes.ts'

setDefaultTimeout(2_400_000)

const lab = new Lab()
afterAll(() => lab.dispose())

/**
 * Three windows, each certified in a deal of its own; in the last an account lied, in one leaf of
 * one unit.
 */
const network = new Party({ accounts: 14, real: true })
for (const [i, epoch] of [2, 4].entries()) network.answerAll(network.deal(epoch, 2, { from: 2 * i }))
const [disputed, ...others] = network.deal(6, 2, { from: 4 })
network.answerAll(others)
network.answer(disputed!, disputed!.quorum, [0, 1, 0])
network.answer(disputed!, disputed!.reserve.slice(0, 2), [0, 0], 20)
network.learn(disputed!, 2)
const state = network.state()
const [conviction] = state.convictions as [(typeof state.convictions)[0]]
const windows = [...state.windows.keys()]
const sources = {
  leaves: (cid: string) => network.blocks.get(cid),
  registration: (node: string) => network.registration(node),
}
const certificates = new Map(windows.map((window) => [window, withoutLeaves(writeCertificate(state, window, sources))]))
const proof = writeFraudProof(state, conviction, sources)
/** What computing a leaf gives: the truth, or what would be if the liar were right. */
let variant = 0
const engine = {
  verifyLeaf: async ({ window, index }, leaf) => network.claim({ window, unit: index }, variant)[leaf]!,
  close: async () => {},
} as Engine
const NOTHING = { windows: 0, convictions: 0 }
const OVER = settledAfter(network.genesis, 6) + 1

type Piece = { window: bigint; size: number; bytes: AsyncIterable<Uint8Array> }
const piece = (window: bigint, bytes: Uint8Array, size = bytes.length): Piece => ({
  ...{ window, size },
  bytes: (async function* () {
    for (let at = 0; at < bytes.length; at += 1000) yield bytes.slice(at, at + 1000)
  })(),
})
const honest: Pick<SnapshotShelf, 'certificates'> = {
  async *certificates(isWanted) {
    for (const [window, bytes] of certificates) if (isWanted(window)) yield piece(window, bytes)
  },
}
const sending = (...pieces: (() => Piece)[]): typeof honest => ({
  async *certificates() {
    for (const make of pieces) yield make()
  },
})

/** One node asks another that has these. */
async function pair(
  shelf: typeof honest,
  {
    round = OVER,
    has = [] as bigint[],
    banned = [] as string[],
    proofs = [] as Uint8Array[],
    isDraw = (_: string): boolean => true,
  } = {},
) {
  const server = await lab.node({ networkId: network.genesis.networkId })
  const asker = await lab.node({ networkId: network.genesis.networkId, peers: server.addresses() })
  await until(() => asker.peers().length > 0, 'a connection')
  const taken = new Map<bigint, SettledWindow>()
  const common = { genesis: network.genesis, openEngine: () => engine, signal: AbortSignal.timeout(PATIENCE * 1000) }
  const keepsNothing = {
    certified: () => [],
    isDraw: () => true,
    round: () => 0,
    take: async () => {},
    convict: async () => {},
  }
  const server_ = { ...keepsNothing, node: server, shelf, convicted: () => [] }
  const about = (bytes: Uint8Array) => readFraudProof(bytes).account
  await new ArchiveExchange({
    ...{ ...common, ...server_ },
    proofs: (but) => proofs.filter((bytes) => but.size === 0 || !but.has(about(bytes))),
  }).serve()
  const convicted: SettledConviction[] = banned.map((account) => ({ ...settledConviction(conviction), account }))
  const exchange = new ArchiveExchange({
    ...common,
    ...{ node: asker, shelf: sending(), round: () => round },
    certified: () => [...has, ...taken.keys()].sort((a, b) => (a < b ? -1 : 1)),
    take: async (settled) => {
      taken.set(settled.window, settled)
    },
    convicted: () => convicted.map(({ account }) => account),
    ...{ isDraw, proofs: () => [] },
    convict: async (known) => {
      convicted.push(known)
    },
  })
  return { exchange, taken, convicted }
}

const refusal = (exchange: ArchiveExchange) => exchange.ask().then(String, (error) => `${error.name}: ${error.message}`)

test('ranges have both ends in them', () => {
  expect(rangesOf([])).toEqual([])
  expect(rangesOf([3n, 4n, 5n, 9n, 11n, 12n])).toEqual([
    ['3', '5'],
    ['9', '9'],
    ['11', '12'],
  ])
})

test('what is missing comes, checked, and counts as it did where it was certified', async () => {
  const { exchange, taken } = await pair(honest, { has: [windows[1]!] })
  expect(await exchange.ask()).toEqual({ windows: 2, convictions: 0 })
  expect([...taken]).toEqual(
    [windows[0]!, windows[2]!].map((window) => [window, summaryOf(state, state.windows.get(window)!)]),
  )
  expect(await exchange.ask()).toEqual(NOTHING)
})

test('a window that is not over is left to its documents', async () => {
  const { exchange, taken } = await pair(honest, { round: settledAfter(network.genesis, 4) + 1 })
  expect(await exchange.ask()).toEqual({ windows: 2, convictions: 0 })
  expect([...taken.keys()]).toEqual(windows.slice(0, 2))
})

test('a window whose draw nobody has published is not taken', async () => {
  const [known] = [...state.draws.values()].map(({ cid }) => cid)
  const { exchange, taken } = await pair(honest, { isDraw: (cid) => cid === known })
  expect(await exchange.ask()).toEqual({ windows: 1, convictions: 0 })
  expect([...taken.keys()]).toEqual([windows[0]!])
})

const [first, second] = windows as [bigint, bigint]
const changed = certificates.get(first)!.slice()
changed[changed.length - 300]! ^= 1
const wrong: [string, typeof honest, RegExp][] = [
  ['a certificate with a byte changed', sending(() => piece(first, changed)), /RuleError/],
  [
    'the certificate of another window',
    sending(() => piece(first, certificates.get(second)!)),
    /RuleError.*something else/,
  ],
  ['more than it said', sending(() => piece(first, certificates.get(first)!, 1500)), /RuleError.*not as long/],
  ['a size beyond all measure', sending(() => piece(first, changed, 2 ** 40)), /RuleError.*something else/],
]
for (const [what, shelf, why] of wrong) {
  test(`${what} is refused, and its sender not asked again`, async () => {
    const { exchange, taken } = await pair(shelf)
    expect(await refusal(exchange)).toMatch(why)
    expect(taken.size).toBe(0)
    expect(await exchange.ask()).toEqual(NOTHING)
  })
}

test('a ban is known from the proof, as to those who had the documents', async () => {
  const { exchange, convicted } = await pair(sending(), { proofs: [proof] })
  expect(await exchange.ask()).toEqual({ windows: 0, convictions: 1 })
  expect(convicted).toEqual([settledConviction(conviction)])
  expect(await exchange.ask()).toEqual(NOTHING)
  // With the registrations and nothing else.
  const documents = { ...network.documents, pool: [], draws: [], results: [] }
  const knowing = { ...NO_KNOWLEDGE, convictions: convicted }
  const after = stateOf(network.genesis, network.unitsPerWindow, documents, knowing)
  expect(after.accounts.filter(({ level }) => level === 'BANNED').map(({ account }) => account)).toEqual([
    conviction.account,
  ])
})

test('a proof with a byte changed, or of a leaf that was signed as it is, convicts nobody', async () => {
  const spoilt = proof.slice()
  spoilt[spoilt.length - 40]! ^= 1
  const { exchange, convicted } = await pair(sending(), { proofs: [spoilt] })
  expect(await refusal(exchange)).toMatch(/RuleError/)
  expect(convicted).toEqual([])
  expect(await exchange.ask()).toEqual(NOTHING)
  const right = await pair(sending(), { proofs: [proof] })
  variant = 1
  try {
    expect(await refusal(right.exchange)).toMatch(/RuleError: .*signed as it is/)
  } finally {
    variant = 0
  }
  expect(right.convicted).toEqual([])
})

test('what came before something wrong is kept', async () => {
  const { exchange, taken } = await pair(
    sending(
      () => piece(second, certificates.get(second)!),
      () => piece(first, changed),
    ),
  )
  expect(await refusal(exchange)).toMatch(/RuleError/)
  expect([...taken.keys()]).toEqual([second])
})

test('who breaks off may be asked again', async () => {
  let sound = false
  const { exchange, taken } = await pair({
    async *certificates() {
      yield piece(first, certificates.get(first)!, sound ? undefined : 1e6)
    },
  })
  expect(await refusal(exchange)).toMatch(/^Error: the peer broke off/)
  expect(taken.size).toBe(0)
  sound = true
  expect(await exchange.ask()).toEqual({ windows: 1, convictions: 0 })
})

test('two nodes: the one that was not there bans whom the other can prove a liar, and says so without any node running', async () => {
  const homes = [1, 2].map((seed) =>
    createHome({
      ...{ directory: join(lab.directory(), 'home'), genesis: network.genesis, name: 'guest', peers: [] },
      ...{ accountKey: new Uint8Array(32).fill(seed), nodeKey: new Uint8Array(32).fill(seed + 8) },
      listen: ['/ip4/127.0.0.1/tcp/0'],
    }),
  ) as [Home, Home]
  const archiveOf = <T>(service: Service) => service.parts.archive as unknown as T
  const start = (home: Home, peers: string[] = []) => Service.start({ home, capacity: 0, peers })
  const knowing = await start(homes[0])
  // As after the documents are gone.
  type Convict = { convict: (conviction: SettledConviction, proof: Uint8Array) => Promise<void> }
  await archiveOf<Convict>(knowing).convict(settledConviction(conviction), proof)
  const newcomer = await start(homes[1], knowing.node.addresses())
  try {
    await until(() => newcomer.node.peers().length > 0, 'a connection')
    expect(newcomer.state().convictions).toEqual([])
    await archiveOf<{ catchingUp: SingleFlight }>(newcomer).catchingUp.run()
    expect(newcomer.state().convictions.map(({ account }) => account)).toEqual([conviction.account])
  } finally {
    await newcomer.stop()
    await knowing.stop()
  }
  expect(readFileSync(fraudProofPath(homes[1].directory, conviction))).toEqual(Buffer.from(proof))
  const { convictions } = knowledgeOf(readKnowledge(homes[1], { blocks: [], leaves: [], truths: [] }))
  expect(convictions).toEqual([settledConviction(conviction)])
})

test('a window is not taken where all behind some unit are banned here, whatever the sender knows', async () => {
  const behind = [...state.windows.get(windows[1]!)!.certified.values()][0]!.results
  const { exchange, taken } = await pair(honest, { banned: behind.map(({ node }) => network.member(node).account) })
  expect(await exchange.ask()).toEqual({ windows: 2, convictions: 0 })
  expect([...taken.keys()]).toEqual([windows[0]!, windows[2]!])
})

describe('a node that joined by a snapshot', () => {
  /**
   * The coordinator's own, with the beacon: it can write the draws that were published, and time
   * passes.
   */
  const home = () =>
    createHome({
      ...{ directory: join(lab.directory(), 'home'), genesis: network.genesis, name: 'guest', peers: [] },
      ...{ accountKey: network.members[0]!.accountSecret, nodeKey: network.members[0]!.nodeSecret },
      ...{ listen: ['/ip4/127.0.0.1/tcp/0'], beaconKey: localSecret(new Uint8Array(48).fill(7)) },
    })
  type ArchiveSteps = {
    confirm: () => Promise<void>
    archive: (windows: SettledWindow[]) => Promise<void>
    giveUp: () => Promise<void>
    convict: (conviction: SettledConviction, proof: Uint8Array) => Promise<void>
  }
  const start = async (of: Home) => {
    const service = await Service.start({ home: of, capacity: 0 })
    await service.firstRound()
    const { replica, archive } = service.parts
    return { service, replica, archive: archive as unknown as ArchiveSteps }
  }
  const joined = async () => {
    const of = home()
    const file = join(lab.directory(), 'snapshot.car')
    await writeSnapshot(file, network.genesis, windows, (window) => certificates.get(window)!)
    expect(await importSnapshot(of, file, engine, OVER, () => {})).toBe(3)
    return of
  }
  const self = network.members[0]!.node
  const publish = async (replica: Replica, epochs: readonly number[]) => {
    for (const epoch of epochs) {
      const { draw } = state.draws.get(epoch)!
      await replica.put('draws', documentKey.draw(self, epoch, draw.bytes), { statement: draw.bytes })
    }
  }

  test('keeps the windows whose draws were published, also if those are forgotten before it has looked', async () => {
    const of = await joined()
    const { service, replica, archive } = await start(of)
    try {
      expect(service.state().frontier.windows).toBe(3)
      await publish(replica, [2, 6])
      await archive.archive([])
      expect(replica.dump().draws).toEqual([])
      expect(replica.isPublished(state.draws.get(2)!.cid)).toBe(true)
      // The first time draws have come; what counts are the times after the last of them.
      for (let i = 0; i < 10; i++) await archive.confirm()
      expect(service.state().frontier.windows).toBe(3)
      await archive.confirm()
      expect(service.state().frontier).toMatchObject({ windows: 1, beyond: [windows[2]!] })
      expect(await service.node.kv.entries('unconfirmed/')).toEqual([])
    } finally {
      await service.stop()
    }
    expect([...readHistory(of).keys()]).toEqual([windows[0]!, windows[2]!])
    // And what a peer has of a forgotten draw is taken after a restart as well.
    const again = await start(of)
    try {
      expect([2, 4, 6].map((epoch) => again.replica.isPublished(state.draws.get(epoch)!.cid))).toEqual([
        ...[true, false, true],
      ])
    } finally {
      await again.service.stop()
    }
  })

  test('waits as long as old draws are still coming', async () => {
    const { service, replica, archive } = await start(await joined())
    try {
      const told: string[] = []
      for (const epoch of [2, 4, 6]) {
        for (let i = 0; i < 9; i++) await archive.confirm()
        await publish(replica, [epoch])
        told.push(`${service.state().frontier.windows}`)
      }
      await archive.confirm()
      expect([told, service.state().frontier.windows]).toEqual([['3', '3', '3'], 3])
      expect(await service.node.kv.entries('unconfirmed/')).toEqual([])
    } finally {
      await service.stop()
    }
  })

  test('gives a window up when all behind one of its units are banned, and says so', async () => {
    const of = await joined()
    const { service, archive } = await start(of)
    try {
      const notices: string[] = []
      service.events.on('notice', ({ text }) => notices.push(text))
      const behind = [...state.windows.get(windows[0]!)!.certified.values()][0]!.results
      for (const { node } of behind) {
        const { account } = network.member(node)
        await archive.convict({ ...settledConviction(conviction), account, node, window: 1n }, proof)
      }
      await archive.giveUp()
      expect(notices.filter((text) => text.includes(`window ${windows[0]}`))).toHaveLength(1)
      expect(service.state().frontier.beyond).not.toContain(windows[0]!)
      expect(service.state().frontier.windows).toBe(0)
    } finally {
      await service.stop()
    }
    expect(readHistory(of).has(windows[0]!)).toBe(false)
  })

  test('deletes what it was about to delete when it was killed, but for what is named again', async () => {
    const { service, archive } = await start(home())
    try {
      const { node } = service
      const left = await node.blocks.put(new Uint8Array(640), 'raw')
      await node.kv.put('leaving', dagCbor.encode([left.toString()]))
      await archive.archive([])
      expect(await node.blocks.has(left)).toBe(false)
      expect(await node.kv.get('leaving')).toBeUndefined()
    } finally {
      await service.stop()
    }
  })
})
