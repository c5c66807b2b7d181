// Node.js: the memory of an async function that waits for a timer.
//
//     node node_bench.js parked COUNT
'use strict'

// What a result lacks when it is to be wrong: see broken.py.
const lost = process.env.EDDY_BENCH_BREAK === undefined ? 0 : 1

let asleep = 0

async function sleepLong () {
  asleep++
  await new Promise(resolve => setTimeout(resolve, 3600000))
  asleep--
}

async function parked (count) {
  const before = process.memoryUsage.rss()
  for (let i = 0; i < count; i++) sleepLong()
  await null
  if (asleep - lost !== count) {
    console.error('wrong result: every function is parked')
    process.exit(1)
  }
  console.log(`bytes ${((process.memoryUsage.rss() - before) / count).toFixed(3)}`)
  process.exit(0)
}

const count = Number(process.argv[3])
if (process.argv[2] !== 'parked' || !(count > 0)) {
  console.error('usage: node node_bench.js parked COUNT')
  process.exit(2)
}
parked(count)
