"""spark_rows.py FILE ...: what Spark reads in the store's files, a line [place of the file, [cells]]; and of the greatest series of each, by filters that
are pushed down into the reader, how many rows it has. As ReadParquet.java. With PYTHONPATH of the Spark that is meant (tools/reader-peers)."""
import json
import struct
import sys

import pyspark
from pyspark.sql import SparkSession

spark = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").config("spark.sql.session.timeZone", "UTC")
         .config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1").getOrCreate())
spark.sparkContext.setLogLevel("ERROR")
print(json.dumps({"version": pyspark.__version__}))
for place, path in enumerate(sys.argv[1:]):
    frame = spark.read.parquet(path)
    for r in frame.selectExpr("series", "unix_micros(ts)", "ns", "lag", "m", "e", "f", "d", "s", "q").collect():
        row = list(r)
        row[6] = None if row[6] is None else struct.pack("<f", row[6]).hex()
        row[7] = None if row[7] is None else struct.pack("<d", row[7]).hex()
        row[8] = None if row[8] is None else bytes(row[8]).hex()
        print(json.dumps([place, row]))
    one = frame.selectExpr("max(series)").collect()[0][0]
    print(json.dumps({"place": place, "series": one, "rows": frame.filter(f"series = {one} AND q IS NULL").count()}))
spark.stop()
