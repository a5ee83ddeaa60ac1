/** Order among what a node does at once. */
import { expect, test } from 'bun:test'
import { Emitter } from '../../../../orbit/node/async/emitter.ts'
import { Serial, SingleFlight } from '../../../../orbit/node/async/queue.ts'

test('a queue runs one after the other, goes on after a failure, and takes nothing once it is closed', async () => {
  const queue = new Serial()
  const done: string[] = []
  const step = (name: string, milliseconds: number) => async () => {
    await Bun.sleep(milliseconds)
    done.push(name)
  }
  const first = queue.run(step('first', 20))
  const failing = queue.run(() => Promise.reject(new Error('broken')))
  void queue.run(step('last', 0))
  await expect(failing).rejects.toThrow('broken')
  await first
  await queue.idle()
  expect(done).toEqual(['first', 'last'])
  void queue.run(step('begun', 5))
  await queue.close()
  expect(done).toEqual(['first', 'last', 'begun'])
  await expect(queue.run(step('never', 0))).rejects.toThrow('closed')
})

test('a single flight never runs twice at once, tells errors, and runs again afterwards', async () => {
  let running = 0
  let runs = 0
  const errors: string[] = []
  const flight = new SingleFlight(
    async () => {
      runs++
      expect(++running).toBe(1)
      await Bun.sleep(5)
      running--
      if (runs === 2) throw new Error('broken')
    },
    ({ message }) => errors.push(message),
  )
  await Promise.all([flight.run(), flight.run(), flight.idle()])
  expect([runs, flight.busy, errors]).toEqual([1, false, []])
  await flight.run()
  expect([runs, flight.busy, errors]).toEqual([2, false, ['broken']])
})

test('handlers run in the order in which they were added, before emit returns, until they are removed', () => {
  const events = new Emitter<{ change: undefined; round: number }>()
  const heard: string[] = []
  const off = events.on('round', (round) => heard.push(`a ${round}`))
  events.on('round', (round) => heard.push(`b ${round}`))
  events.on('change', () => heard.push('change'))
  events.emit('round', 1)
  off()
  events.emit('round', 2)
  events.emit('change')
  expect(heard).toEqual(['a 1', 'b 1', 'b 2', 'change'])
})
