/** The pool of heartbeats stays as large as what is going on: databases of epochs that are over are dropped whole. */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { Ledger } from '../../../orbit/node/ledger.ts'
import { documentKey } from '../../../orbit/rules/events.ts'
import { Party } from '../rules/party.ts'
import { Lab } from './nodes.ts'

setDefaultTimeout(60_000)

const lab = new Lab()
afterAll(() => lab.dispose())

test('databases from before the first draw that is not settled are dropped, and the others stay', async () => {
  const party = new Party({ accounts: 3, changes: { epoch: { rounds: 3, perDatabase: 1 } } })
  const [{ node: self, nodeSecret }] = party.members as [Party['members'][0]]
  const { genesis } = party
  const ledger = new Ledger(
    genesis,
    (name) => node.open(name),
    () => {},
  )
  const node = await lab.node({ nodeKey: nodeSecret, networkId: genesis.networkId, admit: ledger.admit })
  await ledger.start(3)
  const beat = async (epoch: number) => {
    party.beat(self, epoch * 3)
    await ledger.put(`pool-${epoch}`, documentKey.heartbeat(self, epoch), party.documents.pool.at(-1))
  }
  for (const epoch of [1, 2, 3, 4, 5, 6]) await beat(epoch)
  const epochs = () => ledger.heartbeats().map(({ round }) => round / 3)

  party.seal(3, 1)
  for (const [i, value] of party.documents.draws.entries()) {
    const key =
      i === 0 ? documentKey.draw(self, 3, (value as { statement: Uint8Array }).statement) : documentKey.beacon(self, 9)
    await ledger.put('draws', key, value)
  }
  await ledger.dropSpans(30)
  expect(epochs()).toEqual([3, 4, 5, 6])
  // Its witnesses lie there still; what is gone is gone from the disk as well.
  expect((await (await node.open('pool-1')).all()).length).toBe(0)
  expect((await (await node.open('pool-3')).all()).length).toBe(1)
  await ledger.dropSpans(60)
  expect(epochs()).toEqual([3, 4, 5, 6])
})

test('with nothing under way, the databases of now and of just before are enough', async () => {
  const party = new Party({ accounts: 3, changes: { epoch: { rounds: 3, perDatabase: 1 } } })
  const [{ node: self, nodeSecret }] = party.members as [Party['members'][0]]
  const ledger = new Ledger(
    party.genesis,
    (name) => node.open(name),
    () => {},
  )
  const node = await lab.node({ nodeKey: nodeSecret, networkId: party.genesis.networkId, admit: ledger.admit })
  await ledger.start(3)
  for (let epoch = 1; epoch <= 12; epoch++) {
    party.beat(self, epoch * 3)
    await ledger.put(`pool-${epoch}`, documentKey.heartbeat(self, epoch), party.documents.pool.at(-1))
    await ledger.dropSpans(epoch * 3)
    expect(ledger.heartbeats().length).toBeLessThanOrEqual(2)
  }
})
