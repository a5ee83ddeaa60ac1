/**
 * When registrations reach a node: told apart from what it missed, and not forgotten when it starts
 * again.
 */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { ArrivalLog, arrivalsFrom } from '../../../../orbit/node/epoch/registration-log.ts'
import { PRIVATE } from '../../../../orbit/node/storage/private.ts'
import { heardLate, heardLive } from '../../../../orbit/rules/draw/registration-age.ts'
import { graceRounds, remembersArrivals } from '../../../../orbit/rules/network/schedule.ts'
import type { Member } from '../../rules/members.ts'
import { Party } from '../../rules/party.ts'
import { Lab } from '../nodes.ts'

setDefaultTimeout(2_400_000)

const lab = new Lab()
afterAll(() => lab.dispose())

test('what comes while it listens is dated; what comes at its start may be as old as it says', async () => {
  const { genesis, members, documents } = new Party({
    ...{ accounts: 4, changes: { epoch: { rounds: 1200, perDatabase: 1 }, freshRounds: 100 } },
  })
  const { kv } = await lab.node()
  const now = { round: 5000 }
  const start = async () => {
    const log = new ArrivalLog({ genesis, kv, round: () => now.round })
    await log.load()
    return log
  }
  const [away, here, again, awake] = members as [Member, Member, Member, Member]
  const log = await start()
  log.hear(documents.accounts[0], true)
  now.round += graceRounds(genesis)
  await log.update()
  log.hear(documents.accounts[1], true)
  // Registered anew: it has been there before.
  log.hear(documents.accounts[2], false)
  await log.update()
  const missed = heardLate(genesis, 1, 5000)
  const heard = heardLive(genesis, 1, now.round)
  expect(missed).toMatchObject({ earliest: 1, likely: 5000 })
  expect(heard.earliest).toBe(5000)
  now.round += 50
  const kept = arrivalsFrom(await kv.entries(PRIVATE.arrival))
  for (const arrivals of [log.lookUp, (await start()).lookUp, kept]) {
    expect(arrivals(away.node, away.account)).toEqual(missed)
    expect(arrivals(here.node, here.account)).toEqual(heard)
    expect(arrivals(again.node, again.account)).toBeNull()
    expect(arrivals(here.node, away.account)).toBeNull()
  }
  // Asleep for a while: what comes at once on waking may have come long before.
  now.round += graceRounds(genesis) + 1
  log.hear(documents.accounts[3], true)
  expect(log.lookUp(awake.node, awake.account)).toEqual(heardLate(genesis, 1, now.round))
  // No draw to come asks for it any more; who looks at an old one again does.
  now.round = heard.latest + remembersArrivals(genesis) + 1
  await log.update()
  expect(log.lookUp(here.node, here.account)).toBeNull()
  expect(arrivalsFrom(await kv.entries(PRIVATE.arrival))(here.node, here.account)).toEqual(heard)
})
