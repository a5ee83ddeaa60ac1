/** What is signed when everything about a deal is over changes nothing, whether a node has settled by then or not. */
import { expect, test } from 'bun:test'
import { encodeLeaf } from '../../../../kernels/result.ts'
import type { Assignment } from '../../../../orbit/rules/message/unit.ts'
import { settledAfter } from '../../../../orbit/rules/network/schedule.ts'
import { type State, stateOf } from '../../../../orbit/rules/state/state.ts'
import { summaryOf } from '../../../../orbit/rules/state/windows.ts'
import { Party } from '../party.ts'

const outcome = (state: State) => ({
  ...{ frontier: state.frontier, accounts: state.accounts },
  convictions: state.convictions.map(({ account, kind }) => [account, kind]),
})

/** A window certified, and its units. */
function certified() {
  const party = new Party({ accounts: 14 })
  const units = party.deal(2, 4)
  party.answerAll(units)
  return { party, units, over: settledAfter(party.genesis, 2) }
}

/** One of the quorum shows another result for the unit, and an auditor signs a leaf as it is not. */
function speak(party: Party, [unit, other]: readonly Assignment[], round: number) {
  const [node] = unit!.quorum as [string]
  party.show(node, [party.result(unit!, party.claim(unit!, 1))], round)
  const record = encodeLeaf(party.claim(other!, 1)[2]!)
  party.audit(other!.reserve[0]!, [[2, `${other!.window}`, other!.unit, 2, record]], round / 3, round)
  party.learn(other!, 2)
}

test('a second result and a false claim convict until all is over, and are said of nothing from then on', () => {
  const { party, units, over } = certified()
  const before = outcome(party.state())
  speak(party, units, over + 3 - (over % 3))
  expect(outcome(party.state())).toEqual(before)
  speak(party, units, over - (over % 3))
  expect(
    outcome(party.state())
      .convictions.map(([, kind]) => kind)
      .sort(),
  ).toEqual(['claim', 'contradiction'])
})

test('so a node that has settled the window and one that has not come to the same', () => {
  const { party, units, over } = certified()
  const [window] = [...party.state().windows.values()]
  const history = new Map([[window!.window, summaryOf(party.state(), window!)]])
  speak(party, units, over + 3 - (over % 3))
  const { genesis, unitsPerWindow, documents, knowledge } = party
  const settled = stateOf(genesis, unitsPerWindow, documents, knowledge, history)
  expect(outcome(settled)).toEqual(outcome(party.state()))
})
