/** Whether a result shows that its unit was computed, by arithmetic alone (orbit/rules/answer/judge.ts). */
import { cidOf, hex, isAscending, must, Reader, rootOf, same, toBig, uint } from './basics.mjs'
import { evidenceTest, isPreimage, isShort, MAPS, pooled, walk, whyNoItem } from './numbers.mjs'

/** Two results are equal when their keys are. */
export const keyOf = (r) => [r.count, r.checksum, r.peak?.n ?? '', r.peak?.value ?? '', hex(r.root), r.leaves].join(' ')

/**
 * The sum of a unit's leaves (certificate/packed-leaves.ts). Of each, in order: varint count; unless that is 0, 8 bytes
 * checksum and as varint 1 + the place of its peak in its class, or 0. The peak's value is computed here: the peak is a
 * hard number of the leaf, or nothing holds.
 */
export function sumOf({ genesis, window, state }, packed) {
  const { partition, cut } = genesis
  const [map, start] = [MAPS[partition.map], window << BigInt(partition.bits)]
  const [reader, records] = [new Reader(packed), []]
  let [count, checksum, best] = [0n, 0n, null]
  for (const [i, leaf] of cut.leavesOf(state).entries()) {
    const hard = reader.varint()
    const [sum, place] = hard > 0n ? [toBig(reader.take(8)), reader.varint()] : [0n, 0n]
    must(hard < 2n ** 53n && (hard === 0n || place > 0n || !map.proved), `leaf ${i} has hard numbers without a peak`)
    let [n, value] = [0n, 0n]
    if (place > 0n) {
      n = start + leaf.r + ((place - 1n) << BigInt(leaf.k))
      const path = walk(map, n, 5000)
      const isInside = n >> BigInt(partition.bits) === window && path.peak < 2n ** 256n
      const isHard = isInside && path.sigma > partition.hardSteps && !isPreimage(map, n)
      must(isHard, `the peak of leaf ${i} is no hard number of that leaf`)
      value = path.peak
      if (!best || value > best.value || (value === best.value && n < best.n)) best = { n, value }
    }
    records.push(Buffer.concat([uint(hard, 8), uint(sum, 8), uint(n, 16), uint(value, 32)]))
    count += hard
    checksum += sum
  }
  reader.end()
  const block = Buffer.concat(records)
  const sums = { count, checksum: hex(uint(checksum % 2n ** 64n, 8)), peak: best, root: rootOf(records) }
  return { key: keyOf({ ...sums, leaves: cidOf(block, 0x55) }), block }
}

/**
 * What a signer lists as evidence, by tier: u16 count, then places in the unit's class, ascending.
 *
 * @param items k: how many are expected
 * @returns [{ count, mean }] by tier
 */
export function tallyOf({ genesis, window, unit, state, draw }, { signer, item, evidence, items }) {
  const { partition, digest } = genesis
  const about = { network: digest, seed: draw.randomness, window, index: unit, signer: Buffer.from(signer, 'hex') }
  const test = evidenceTest(partition, state, { ...partition.evidence, items }, about)
  const [reader, width] = [new Reader(evidence), Math.ceil((partition.bits - state.k) / 8)]
  const lists = test.tiers.map(() => {
    const places = Array.from({ length: Number(toBig(reader.take(2))) }, () => toBig(reader.take(width)))
    const isInside = places.every((place) => place < 1n << BigInt(partition.bits - state.k))
    must(isInside && isAscending(places), 'its evidence does not ascend within the unit')
    return places.map((place) => (window << BigInt(partition.bits)) + state.r + (place << BigInt(state.k)))
  })
  reader.end()
  const records = lists.flatMap((list, tier) => list.map((n) => Buffer.concat([uint(tier + 1, 1), uint(n, 16)])))
  must(records.length === item.items && same(rootOf(records), item.evidence), 'its evidence is not what it signed')
  for (const [tier, list] of lists.entries()) {
    for (const n of list) {
      const why = whyNoItem(MAPS[partition.map], test, tier, n)
      must(why === null, `its evidence is false: ${n} ${why} (tier ${tier + 1})`)
    }
  }
  const tallies = lists.map(({ length: count }, tier) => ({ count, mean: test.tiers[tier].mean }))
  for (const [i, tally] of [...tallies, pooled(tallies)].entries()) {
    const found = `${tally.count} items where ${(Number(tally.mean) / 2 ** 32).toFixed(1)} are expected`
    must(!isShort(tally), `its evidence falls short: ${found}${i < 3 ? ` (tier ${i + 1})` : ''}`)
  }
  return tallies
}
