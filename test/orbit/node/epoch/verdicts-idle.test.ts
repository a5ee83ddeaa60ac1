/**
 * The state of a large network takes seconds to compute: verdicts ask for it when there is
 * something to judge.
 */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { Verdicts } from '../../../../orbit/node/epoch/verdicts.ts'
import { graceRounds } from '../../../../orbit/rules/network/schedule.ts'
import { Party } from '../../rules/party.ts'
import { Lab } from '../nodes.ts'

setDefaultTimeout(2_400_000)

const lab = new Lab()
afterAll(() => lab.dispose())

test('while no draw waits, the state is asked for once a grace, to be remembered', async () => {
  const party = new Party({ accounts: 1 })
  const { genesis } = party
  const { kv } = await lab.node()
  const state = party.state()
  const grace = graceRounds(genesis)
  const asked: number[] = []
  let round = 0
  const verdicts = new Verdicts({
    ...{ genesis, kv, known: () => [], cited: async () => [], round: () => round },
    state: () => {
      asked.push(round)
      return state
    },
  })
  await verdicts.load()
  for (; round < 4 * grace; round++) expect(await verdicts.judge()).toBe(false)
  expect(asked).toEqual([0, grace, 2 * grace, 3 * grace])
})
