/**
 * The databases of pools and results grow no larger than what is going on: those of epochs that are
 * over are dropped whole.
 */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { Replica } from '../../../../orbit/node/replica/replica.ts'
import { cidOf } from '../../../../orbit/rules/base/cid.ts'
import { open } from '../../../../orbit/rules/base/statement.ts'
import { admit } from '../../../../orbit/rules/message/admit.ts'
import { answerBody, type HeartbeatBody } from '../../../../orbit/rules/message/bodies.ts'
import { documentKey } from '../../../../orbit/rules/message/documents.ts'
import type { Assignment } from '../../../../orbit/rules/message/unit.ts'
import { settledAfter } from '../../../../orbit/rules/network/schedule.ts'
import { Party } from '../../rules/party.ts'
import { Lab } from '../nodes.ts'

setDefaultTimeout(2_400_000)

const lab = new Lab()
afterAll(() => lab.dispose())

/** The node of a party's first member. */
async function replicating({ genesis, members }: Party) {
  const node = await lab.node({
    ...{ nodeKey: members[0]!.nodeSecret, networkId: genesis.networkId },
    admit: (...document) => admit(genesis, ...document),
  })
  return { node, replica: new Replica({ genesis, openStore: (name) => node.open(name) }) }
}

/** A network of one, on a real node: it can write all documents itself. */
async function alone() {
  const changes = { epoch: { rounds: 3, perDatabase: 1 }, replication: 1, deadlineRounds: 9, freshRounds: 30 }
  const party = new Party({ accounts: 1, changes })
  const [{ node: self, account }] = party.members as [Party['members'][0]]
  const { node, replica } = await replicating(party)
  await replica.start(3)
  await replica.put('accounts', documentKey.registration(self, account), party.registration(self))
  const beat = async (epoch: number, witnessed: HeartbeatBody['witnessed'] = []) => {
    const word = party.beat(self, epoch * 3, { witnessed })
    await replica.put(`pool-${epoch}`, documentKey.heartbeat(self, epoch, word), party.documents.pool.at(-1))
  }
  /** Seals a draw for an epoch, and publishes it. */
  const seal = async (epoch: number, units: number, from = 0) => {
    const at = party.documents.draws.length
    const assignments = party.seal(epoch, units, { from })
    const [draw, beacon] = party.documents.draws.slice(at) as [{ statement: Uint8Array }, unknown]
    await replica.put('draws', documentKey.draw(self, epoch, draw.statement), draw)
    await replica.put('draws', documentKey.beacon(self, epoch * 3), beacon)
    return { assignments, cid: cidOf(draw.statement).toString() }
  }
  const answer = async (assignments: readonly Assignment[]) => {
    const at = party.documents.results.length
    party.answerAll(assignments)
    for (const document of party.documents.results.slice(at) as { statement: Uint8Array }[]) {
      const { body } = open(document.statement, answerBody, 'an answer')
      if (body.type !== 'commit' && body.type !== 'reveal') throw new Error('only these were made')
      const { batch } = body
      const key =
        body.type === 'commit'
          ? documentKey.commit(self, batch, document.statement)
          : documentKey.reveal(self, batch, body.part, document.statement)
      await replica.put(`results-${batch}`, key, document)
    }
  }
  const epochs = () => replica.heartbeats().map(({ round }) => round / 3)
  /** As a node does every so many rounds. */
  const tidy = async (round: number) => {
    await replica.openSpans(round)
    replica.forget(replica.over(round))
    await replica.dropSpans(round)
  }
  return { party, replica, node, beat, seal, answer, epochs, tidy }
}

test('databases that no deal needs which is not over are dropped, and the others stay', async () => {
  const { replica, node, beat, seal, epochs } = await alone()
  for (const epoch of [1, 2, 3, 4, 5, 6]) await beat(epoch)
  await seal(3, 1)
  await replica.dropSpans(30)
  // Its witnesses lie there still; what is gone is gone from the disk as well.
  expect(epochs()).toEqual([2, 3, 4, 5, 6])
  expect((await (await node.open('pool-1')).all()).length).toBe(0)
  expect((await (await node.open('pool-3')).all()).length).toBe(1)
  await replica.dropSpans(60)
  expect(epochs()).toEqual([2, 3, 4, 5, 6])
})

test('a draw that nobody works by keeps nothing for longer than until it is over, however far away its window is', async () => {
  const { party, replica, beat, seal, epochs, tidy } = await alone()
  await beat(1)
  const { cid } = await seal(3, 1, 4 * 100_000)
  for (let epoch = 2; epoch <= 60; epoch++) {
    await beat(epoch)
    await tidy(epoch * 3)
  }
  expect(epochs()).toEqual([59, 60])
  expect([replica.dump().draws, replica.isPublished(cid)]).toEqual([[], true])
  expect(settledAfter(party.genesis, 3)).toBeLessThan(60 * 3)
})

test('a deal that certified what is not settled yet keeps its databases, also when the node starts anew', async () => {
  const { party, replica, node, beat, seal, answer, tidy } = await alone()
  const { assignments, cid } = await seal(3, 1)
  await beat(3, [{ epoch: 3, draw: cid }])
  await answer(assignments)
  const certified = (of: Replica) => [...of.state().windows.values()].map((window) => window.certified.size)
  for (let round = 9; round <= 180; round += 3) await tidy(round)
  expect(certified(replica)).toEqual([1])

  // What is on the disk, as a node finds it that was away for long: it looks before it drops
  // anything.
  const again = new Replica({ genesis: party.genesis, openStore: (name) => node.open(name) })
  await again.start(600)
  for (let round = 600; round <= 660; round += 3) {
    await again.openSpans(round)
    again.forget(again.over(round))
    await again.dropSpans(round)
  }
  expect(certified(again)).toEqual([1])
})

test('with nothing under way, the databases of now and of just before are enough', async () => {
  const party = new Party({ accounts: 3, changes: { epoch: { rounds: 3, perDatabase: 1 } } })
  const [{ node: self }] = party.members as [Party['members'][0]]
  const { replica } = await replicating(party)
  await replica.start(3)
  for (let epoch = 1; epoch <= 12; epoch++) {
    const word = party.beat(self, epoch * 3)
    await replica.put(`pool-${epoch}`, documentKey.heartbeat(self, epoch, word), party.documents.pool.at(-1))
    await replica.dropSpans(epoch * 3)
    expect(replica.heartbeats().length).toBeLessThanOrEqual(2)
  }
})
