/**
 * A coordinator on a real node: an attacker can't crowd its pool, it steps in for a coordinator
 * whose draw does not hold, it waits for nothing for ever, and it does not expose itself when its
 * database is lost.
 */
import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Coordinator } from '../../../../orbit/node/epoch/coordinator.ts'
import { ArrivalLog } from '../../../../orbit/node/epoch/registration-log.ts'
import { Verdicts } from '../../../../orbit/node/epoch/verdicts.ts'
import { HomeError } from '../../../../orbit/node/home/home.ts'
import { LastSealed } from '../../../../orbit/node/home/last-sealed.ts'
import type { Admit } from '../../../../orbit/node/log/access.ts'
import type { DocumentStore } from '../../../../orbit/node/log/documents.ts'
import { Replica } from '../../../../orbit/node/replica/replica.ts'
import { sign } from '../../../../orbit/rules/base/statement.ts'
import { nextDraw } from '../../../../orbit/rules/draw/seal.ts'
import { admit } from '../../../../orbit/rules/message/admit.ts'
import type { DrawBody } from '../../../../orbit/rules/message/bodies.ts'
import { databaseName, documentKey } from '../../../../orbit/rules/message/documents.ts'
import { randomnessOf } from '../../../../orbit/rules/network/beacon.ts'
import type { GenesisBody } from '../../../../orbit/rules/network/genesis.ts'
import { PATIENCE } from '../../../until.ts'
import type { Member } from '../../rules/members.ts'
import { beaconAt, Party } from '../../rules/party.ts'
import { entry, Lab, until } from '../nodes.ts'

setDefaultTimeout(2_400_000)

const lab = new Lab()
afterAll(() => lab.dispose())

/**
 * A coordinator's node, of a network of two coordinators, and all that its members put into its
 * databases.
 *
 * @param late so many are members besides those eight, and not registered yet
 */
async function coordinating(directory = lab.directory(), changes: Partial<GenesisBody> = {}, late = 0) {
  const { members } = new Party({ accounts: 8 })
  const coordinators = members.slice(0, 2).map(({ node }) => node)
  const party = new Party({ accounts: 8 + late, changes: { coordinators, ...changes } })
  const self = party.members[1]!
  const { genesis } = party
  const { networkId } = genesis
  const admitted: Admit = (...document) => admit(genesis, ...document)
  const node = await lab.node({ nodeKey: self.nodeSecret, networkId, admit: admitted })
  const now = { round: 3 }
  const arrivals = new ArrivalLog({ genesis, kv: node.kv, round: () => now.round })
  const replica = new Replica({ genesis, arrivals: arrivals.lookUp, openStore: (name) => node.open(name) })
  replica.events.on('registration', ({ document, isNew }) => arrivals.hear(document, isNew))
  await arrivals.load()
  const verdicts = new Verdicts({
    ...{ genesis: party.genesis, kv: node.kv, state: () => replica.state(), known: () => replica.heartbeats() },
    ...{ cited: (pool) => replica.pools.heartbeatsUnder(pool), round: () => now.round },
  })
  await replica.start(3)
  replica.events.on('draw', (draw) => verdicts.hear(draw))
  await verdicts.load()
  const stopping = new AbortController()
  const asked: number[] = []
  const sealed: number[] = []
  const say = (round: number, member: Member, capacity: number) => {
    party.beat(member.node, round, { capacity })
    const key = documentKey.heartbeat(member.node, Math.floor(round / party.genesis.body.epoch.rounds), {
      witnessed: [],
    })
    return { key, document: party.documents.pool.at(-1) }
  }
  const sayOwn = async (round: number) => {
    const { key, document } = say(round, self, 0)
    await replica.put(pool, key, document)
  }
  const begin = () =>
    new Coordinator({
      ...{ genesis: party.genesis, directory, secret: self.nodeSecret, replica, signal: stopping.signal },
      beacon: {
        // A round that nobody can be asked for.
        round: (round, options) =>
          new Promise((_, reject) => {
            asked.push(round)
            options?.signal?.addEventListener('abort', () => reject(options.signal!.reason))
          }),
      },
      wallRound: () => now.round,
      hasDraw: (epoch) => verdicts.hasDraw(epoch),
      beat: ({ round }) => sayOwn(round),
      onSealed: ({ epoch }) => sealed.push(epoch),
    })
  let coordinator = begin()
  const restart = () => {
    coordinator = begin()
  }
  let stranger = await lab.stranger(node)
  /**
   * An entry without parents, as a node writes it that has heard nothing. One by one: gossip drops
   * what comes too fast.
   */
  const write = async (to: DocumentStore, { nodeSecret }: Member, key: string, document: unknown) => {
    const { bytes, hash } = await entry(nodeSecret, to.address, key, document)
    for (const timeout of [10, PATIENCE]) {
      await stranger.gossip(to.address, bytes)
      const here = until(async () => (await to.under([hash])) !== null, 'an entry', { timeout })
      if (await here.then(() => true).catch(() => false)) return
      // What gossip lost it does not send a second time.
      stranger = await lab.stranger(node)
    }
    throw new Error(`an entry of ${key} never came`)
  }
  const accounts = await node.open('accounts')
  const register = (member: Member) => {
    const key = documentKey.registration(member.node, member.account)
    return write(accounts, member, key, party.registration(member.node))
  }
  for (const member of party.members.slice(0, 8)) await register(member)
  await until(() => replica.state().nodes.size === 8, 'the registrations')
  const pool = databaseName('pool', 0)
  const store = await node.open(pool)
  const gossip = async (member: Member, round: number, capacity = 4) => {
    const { key, document } = say(round, member, capacity)
    await write(store, member, key, document)
  }
  const at = async (round: number) => {
    now.round = round
    await verdicts.judge()
    await coordinator.onRound({ round, signature: beaconAt(round), randomness: randomnessOf(beaconAt(round)) })
    await verdicts.judge()
  }
  const draws = () => [...replica.state().sealed.values()].filter(({ signer }) => signer === self.node)
  return {
    ...{ party, self, replica, node, store, now, verdicts, restart, stopping, asked, sealed },
    say: sayOwn,
    write,
    register,
    gossip,
    at,
    draws,
    idle: () => coordinator.idle(),
  }
}

describe('the pool', () => {
  test('hundreds of entries that nobody built on do not crowd out the others', async () => {
    const { party, store, replica, verdicts, gossip, at, draws } = await coordinating()
    const [attacker, ...others] = party.members.slice(2) as [Member, ...Member[]]
    for (const member of others) await gossip(member, 9)
    for (let i = 0; i < 80; i++) await gossip(attacker, 9, 1 + i)
    expect(await store.heads()).toHaveLength(80 + others.length)
    await at(13)
    const [draw] = draws()
    expect(new Set(draw!.body.roster.map(({ node }) => node))).toEqual(
      new Set(party.members.slice(2).map(({ node }) => node)),
    )
    // The first head is the coordinator's own, over those of everybody.
    const [{ heads }] = draw!.body.pool as [DrawBody['pool'][0]]
    expect((await replica.pools.heartbeatsUnder([{ span: 0, heads: heads.slice(0, 1) }]))!.length).toBeGreaterThan(
      others.length,
    )
    expect(verdicts.all()).toMatchObject([{ epoch: 5, fault: null }])
  })

  test('a node with a registration of long ago is not on the roster before it has been there for an epoch', async () => {
    const { party, replica, now, register, gossip, at, draws } = await coordinating(undefined, {}, 1)
    const newcomer = party.members[8]!
    for (const member of party.members.slice(2, 8)) await gossip(member, 9)
    now.round = 13
    await register(newcomer)
    await until(() => replica.state().nodes.has(newcomer.node), 'the registration')
    expect(replica.state().nodes.get(newcomer.node)!.round).toBe(1)
    await gossip(newcomer, 13)
    await at(13)
    await at(19)
    const [draw, next] = draws().map(({ body }) => body.roster.map(({ node }) => node))
    expect(draw).toHaveLength(6)
    expect(draw).not.toContain(newcomer.node)
    expect(next).toContain(newcomer.node)
  })

  test('heartbeats that a newer one has replaced are still known: the node was there', async () => {
    const { replica, say, store } = await coordinating()
    for (const round of [9, 10, 11]) await say(round)
    expect(store.count()).toBe(1)
    expect(
      replica
        .heartbeats()
        .map(({ round }) => round)
        .sort((a, b) => a - b),
    ).toEqual([9, 10, 11])
  })

  test('with one head, or with nothing to seal, nothing is written', async () => {
    const { party, store, replica, gossip, at, draws } = await coordinating()
    for (const member of party.members.slice(2, 4)) await gossip(member, 9)
    for (const round of [12, 13, 14]) await at(round)
    expect(draws()).toEqual([])
    expect(await store.heads()).toHaveLength(2)
    expect(replica.heartbeats()).toHaveLength(2)
  })
})

/** Six accounts have said that they are there. */
async function peopled(directory?: string, changes: Partial<GenesisBody> = {}) {
  const all = await coordinating(directory, changes)
  const { party, gossip } = all
  for (const member of party.members.slice(2)) await gossip(member, 9)
  return all
}

describe('another coordinator', () => {
  /** Epoch 6, R = 18, is the other's turn first: from round 15 on, and from 16 on this one's. */
  async function other() {
    const all = await peopled()
    const { party, replica, now } = all
    const publish = async (body: DrawBody) => {
      const { bytes } = sign(body, party.members[0]!.nodeSecret)
      const key = documentKey.draw(party.members[0]!.node, body.epoch, bytes)
      await all.write(await all.node.open('draws'), party.members[0]!, key, { statement: bytes })
    }
    now.round = 15
    const body = nextDraw(
      replica.state(),
      15,
      replica.unitsPerWindow,
      await replica.citedPool(party.members[0]!.node, 15),
    )!
    return { ...all, publish, body }
  }

  test('whose draw holds is left alone', async () => {
    const { publish, body, at, draws, sealed } = await other()
    await publish(body)
    for (const round of [15, 16, 17]) await at(round)
    expect([draws(), sealed]).toEqual([[], []])
  })

  test('whose draw does not hold, or that seals none, is stepped in for', async () => {
    for (const wrong of [
      (body: DrawBody) => ({ ...body, roster: [...body.roster].reverse() }),
      // It may mend, as far as this node can tell; it is not waited for beyond a turn.
      (body: DrawBody) => ({ ...body, roster: body.roster.map((entry) => ({ ...entry, capacity: 1 })) }),
      null,
    ]) {
      const { publish, body, at, sealed, verdicts } = await other()
      if (wrong) await publish(wrong(body))
      await at(15)
      expect(sealed).toEqual([])
      await at(16)
      await at(17)
      expect(sealed).toEqual([6])
      expect(verdicts.all().filter(({ fault }) => fault === null)).toMatchObject([{ epoch: 6 }])
    }
  })
})

describe('what it has sealed', () => {
  test('it does not seal again when its database is lost, and goes on with the next epoch', async () => {
    const directory = lab.directory()
    const first = await peopled(directory)
    await first.at(12)
    expect(first.sealed).toEqual([5])
    expect(readFileSync(join(directory, 'last-sealed'), 'utf8')).toBe('5\n')
    const again = await peopled(directory)
    for (const round of [12, 13, 14]) await again.at(round)
    expect([again.sealed, again.draws()]).toEqual([[], []])
    for (const round of [15, 16]) await again.at(round)
    expect(again.sealed).toEqual([6])
    expect(new LastSealed(directory).allows(6)).toBe(false)
    expect(new LastSealed(directory).allows(7)).toBe(true)
  })

  test('without the file, its own draws tell', async () => {
    const directory = lab.directory()
    const { at, sealed, replica, self, restart } = await peopled(directory)
    await at(12)
    rmSync(join(directory, 'last-sealed'))
    restart()
    for (const round of [13, 14]) await at(round)
    expect(replica.hasDrawBy(self.node, 5)).toBe(true)
    expect(replica.hasDrawBy(self.node, 50)).toBe(false)
    expect(sealed).toEqual([5])
  })

  test('a damaged file is an error that says what to do', () => {
    const directory = lab.directory()
    writeFileSync(join(directory, 'last-sealed'), 'soon')
    expect(() => new LastSealed(directory)).toThrow(HomeError)
    expect(() => new LastSealed(directory)).toThrow(/write the newest epoch into it/)
  })
})

test('a round that it has missed and nobody can give is not waited for: others go on, and it can be stopped', async () => {
  const { at, sealed, asked, replica, stopping, idle } = await peopled()
  await at(12)
  // R(5) = 15 is missed.
  await at(16)
  await at(17)
  expect(asked).toEqual([15])
  expect(sealed).toEqual([5, 6])
  expect(replica.hasRound(15)).toBe(false)
  const units = [...replica.state().sealed.values()].map(({ body }) => body.offers[0]!)
  // What the first is to deal is not on offer in the second.
  expect(units[1]).not.toEqual(units[0]!)
  stopping.abort(new Error('stopped'))
  await idle()
})
