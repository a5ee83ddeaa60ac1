/**
 * What a node makes of draws stands, whatever else a coordinator publishes; and of what, until
 * R(e), is on its way.
 */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { Verdicts } from '../../../../orbit/node/epoch/verdicts.ts'
import { cidOf } from '../../../../orbit/rules/base/cid.ts'
import { open, sign } from '../../../../orbit/rules/base/statement.ts'
import type { Arrivals } from '../../../../orbit/rules/draw/registration-age.ts'
import { nextDraw } from '../../../../orbit/rules/draw/seal.ts'
import { type DrawBody, drawBody } from '../../../../orbit/rules/message/bodies.ts'
import type { State } from '../../../../orbit/rules/state/state.ts'
import { Party } from '../../rules/party.ts'
import { Lab } from '../nodes.ts'

setDefaultTimeout(2_400_000)

const lab = new Lab()
afterAll(() => lab.dispose())

/** Eight accounts, two of which coordinate; the draw of epoch 5, R = 15. */
async function hearing(arrivals?: Arrivals) {
  const { members } = new Party({ accounts: 8 })
  const coordinators = members.slice(0, 2).map(({ node }) => node)
  const party = new Party({ accounts: 8, changes: { coordinators } })
  const heartbeats = party.members.map(({ node }) => party.beat(node, 4, { capacity: 3 }))
  const { kv } = await lab.node()
  const now = { round: 12, state: party.state() }
  const start = async () => {
    const verdicts = new Verdicts({
      ...{ genesis: party.genesis, kv, state: () => now.state, known: () => heartbeats },
      ...{ cited: async () => heartbeats, round: () => now.round, ...(arrivals && { arrivals }) },
    })
    await verdicts.load()
    return verdicts
  }
  const draw = nextDraw(party.state(), 12, party.unitsPerWindow, { cited: [], heartbeats })!
  const sealed = (body: DrawBody, by: number) =>
    open(sign(body, party.members[by]!.nodeSecret).bytes, drawBody, 'the draw')
  /** 0 for the coordinator whose turn epoch 5 is. */
  const inTurn = (turn: number) => coordinators.indexOf(coordinators[(5 + turn) % 2]!)
  return { party, verdicts: await start(), start, now, draw, sealed, inTurn }
}

test('hundreds of draws by one coordinator push out no verdict, and no witness, of others', async () => {
  const { verdicts, start, draw, sealed, inTurn } = await hearing()
  const honest = sealed(draw, inTurn(0))
  verdicts.hear(honest)
  await verdicts.judge()
  const cid = cidOf(honest.bytes).toString()
  expect(verdicts.accepts(cid)).toBe(true)
  for (let i = 0; i < 140; i++) {
    verdicts.hear(sealed({ ...draw, pool: [{ span: i, heads: [] }] }, inTurn(1)))
    verdicts.hear(sealed({ ...draw, epoch: 1 + i }, inTurn(1)))
  }
  await verdicts.judge()
  for (const node of [verdicts, await start()]) {
    expect(node.accepts(cid)).toBe(true)
    expect(node.witnessed()).toEqual([{ epoch: 5, draw: cid }])
    // Two of the other's for each of the epochs about.
    expect(node.all().length).toBeLessThanOrEqual(1 + 2 * 4)
    node.hear(sealed({ ...draw, pool: [{ span: 999, heads: [] }] }, inTurn(1)))
    await node.judge()
    expect(node.all().length).toBeLessThanOrEqual(1 + 2 * 4)
  }
})

test('a draw that names a node which registered later than it says is refused, by what this node has seen', async () => {
  for (const [at, fault] of [
    [12, null],
    [13, 'a node on its roster registered later than it says'],
  ] as const) {
    const { verdicts, draw, sealed, inTurn } = await hearing(() => ({ earliest: at, likely: at, latest: at }))
    verdicts.hear(sealed(draw, inTurn(0)))
    await verdicts.judge()
    expect(verdicts.all()[0]!.fault).toBe(fault)
  }
})

test('a coordinator is spared the draw by one that holds, and not by one that does not, or that waits for long', async () => {
  const { verdicts, now, draw, sealed, inTurn } = await hearing()
  expect(verdicts.hasDraw(5)).toBe(false)
  verdicts.hear(sealed({ ...draw, roster: [...draw.roster].reverse() }, inTurn(0)))
  await verdicts.judge()
  expect(verdicts.all()[0]!.fault).toBe('ill-formed')
  expect(verdicts.hasDraw(5)).toBe(false)

  // It may mend, so it waits, but nobody waits with it for longer than a turn.
  verdicts.hear(sealed({ ...draw, roster: draw.roster.slice(1) }, inTurn(0)))
  await verdicts.judge()
  expect(verdicts.hasDraw(5)).toBe(true)
  now.round = 13
  await verdicts.judge()
  expect(verdicts.hasDraw(5)).toBe(false)

  verdicts.hear(sealed(draw, inTurn(1)))
  await verdicts.judge()
  expect(verdicts.hasDraw(5)).toBe(true)
  now.round = 15
  await verdicts.judge()
  expect(verdicts.all().map(({ fault }) => fault?.slice(0, 10) ?? null)).toEqual(['ill-formed', null, 'its roster'])
})

test('one sealed out of turn spares nobody anything until its turn', async () => {
  const { verdicts, now, draw, sealed, inTurn } = await hearing()
  verdicts.hear(sealed(draw, inTurn(1)))
  await verdicts.judge()
  expect([verdicts.hasDraw(5), verdicts.all().length]).toEqual([false, 0])
  now.round = 13
  await verdicts.judge()
  expect([verdicts.hasDraw(5), verdicts.all()[0]!.fault]).toEqual([true, null])
})

test('an honest draw holds though a node on its roster was seen to register anew before the draw came', async () => {
  const { party, verdicts, now, draw, sealed, inTurn } = await hearing()
  await verdicts.judge()
  const before: State = now.state
  const nodes = new Map(before.nodes)
  const { node } = draw.roster[2]!
  nodes.set(node, { ...nodes.get(node)!, round: 12 })
  now.state = { ...before, nodes }
  const honest = sealed(draw, inTurn(0))
  verdicts.hear(honest)
  await verdicts.judge()
  expect(verdicts.all()).toMatchObject([{ epoch: 5, fault: null }])

  // Not for ever: two graces on, what was is no reason any more.
  nodes.set(node, { ...nodes.get(node)!, round: 26 })
  const [rounds, late] = [party.genesis.body.epoch.rounds, sealed({ ...draw, epoch: 9 }, inTurn(0))]
  for (now.round = 13; now.round < 9 * rounds - 3; now.round++) await verdicts.judge()
  verdicts.hear(late)
  for (; now.round <= 9 * rounds; now.round++) await verdicts.judge()
  expect(verdicts.all()[0]).toMatchObject({ epoch: 9, fault: expect.stringContaining('does not follow') })
})
