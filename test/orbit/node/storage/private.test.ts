/** The private table: each prefix finds its own keys, and no prefix is the beginning of another. */
import { afterAll, expect, test } from 'bun:test'
import { keyValues, PRIVATE, privateRows, privateValue, putPrivate } from '../../../../orbit/node/storage/private.ts'
import { SqliteFile } from '../../../../orbit/node/storage/sqlite.ts'
import { Lab } from '../nodes.ts'

const lab = new Lab()
afterAll(() => lab.dispose())

test('no key is the beginning of another', () => {
  const keys = Object.values(PRIVATE)
  const clashes = keys.flatMap((a, i) => keys.filter((b, j) => i !== j && b.startsWith(a)).map((b) => `${a} ${b}`))
  expect(clashes).toEqual([])
})

test('a prefix finds the keys that begin with it, in order, and none beside them', async () => {
  const sql = new SqliteFile(lab.directory())
  const kv = keyValues(sql)
  const keys = ['a', 'a/', 'a/1', 'a/10', 'a/2', 'a/\u{10fffe}', 'a0', 'b/1', 'A/1']
  for (const [i, key] of keys.entries()) putPrivate(sql, key, Uint8Array.of(i))
  const found = privateRows(sql, 'a/').map(([key]) => key)
  expect(found).toEqual(['a/', 'a/1', 'a/10', 'a/2', 'a/\u{10fffe}'])
  expect(await kv.entries('a/')).toEqual(privateRows(sql, 'a/'))
  expect([privateValue(sql, 'a/10'), privateValue(sql, 'a/3')]).toEqual([Uint8Array.of(3), undefined])
  await kv.delete('a/10')
  expect(await kv.get('a/10')).toBeUndefined()
  sql.close()
  // What comes after the stop is not stored, and is no error.
  await kv.put('a/3', Uint8Array.of(9))
})
