/*
 * Every row of Parquet files as parquet-java's column readers give it, a line [place of the file, [cells]]; floats as the hex of their bits from the
 * lowest byte on, texts as hex. Then of the greatest series only, found by statistics and column indexes: how many rows it has, and how many were read.
 *
 *   java -cp 'JARS' ReadParquet.java FILE ...
 */
import java.io.BufferedWriter;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import org.apache.parquet.ParquetReadOptions;
import org.apache.parquet.column.ColumnDescriptor;
import org.apache.parquet.column.ColumnReader;
import org.apache.parquet.column.impl.ColumnReadStoreImpl;
import org.apache.parquet.column.page.PageReadStore;
import org.apache.parquet.conf.PlainParquetConfiguration;
import org.apache.parquet.example.DummyRecordConverter;
import org.apache.parquet.filter2.compat.FilterCompat;
import org.apache.parquet.filter2.predicate.FilterApi;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.metadata.FileMetaData;
import org.apache.parquet.io.LocalInputFile;

class ReadParquet {
	static String hex(byte[] bytes) { return '"' + HexFormat.of().formatHex(bytes) + '"'; }

	static String value(ColumnReader c, ColumnDescriptor d) {
		if (c.getCurrentDefinitionLevel() < d.getMaxDefinitionLevel())
			return "null";
		ByteBuffer b = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
		switch (d.getPrimitiveType().getPrimitiveTypeName()) {
		case INT32: return Integer.toString(c.getInteger());
		case INT64: return Long.toString(c.getLong());
		case FLOAT: return hex(b.putInt(Float.floatToRawIntBits(c.getFloat())).array()).substring(0, 9) + '"';
		case DOUBLE: return hex(b.putLong(Double.doubleToRawLongBits(c.getDouble())).array());
		default: return hex(c.getBinary().getBytes());
		}
	}

	static ParquetReadOptions.Builder options() {
		return ParquetReadOptions.builder(new PlainParquetConfiguration()).usePageChecksumVerification();
	}

	static String[][] cells(PageReadStore group, FileMetaData meta) {
		List<ColumnDescriptor> columns = meta.getSchema().getColumns();
		ColumnReadStoreImpl store = new ColumnReadStoreImpl(group, new DummyRecordConverter(meta.getSchema()).getRootConverter(), meta.getSchema(),
			meta.getCreatedBy());
		int n = (int) group.getRowCount();
		String[][] cell = new String[columns.size()][n];
		for (int k = 0; k < columns.size(); k++) {
			ColumnReader c = store.getColumnReader(columns.get(k));
			for (int i = 0; i < n; i++, c.consume())
				cell[k][i] = value(c, columns.get(k));
		}
		return cell;
	}

	/** All rows; returns the greatest series. */
	static String all(String file, int place, PrintWriter out) throws Exception {
		String last = "0";
		try (ParquetFileReader r = ParquetFileReader.open(new LocalInputFile(Path.of(file)), options().build())) {
			PageReadStore group;
			while ((group = r.readNextRowGroup()) != null) {
				String[][] cell = cells(group, r.getFooter().getFileMetaData());
				for (int i = 0; i < cell[0].length; i++) {
					StringBuilder line = new StringBuilder("[" + place + ",[");
					for (int k = 0; k < cell.length; k++)
						line.append(k == 0 ? "" : ",").append(cell[k][i]);
					out.println(line.append("]]"));
				}
				last = cell[0][cell[0].length - 1];
			}
		}
		return last;
	}

	static void one(String file, int place, String series, PrintWriter out) throws Exception {
		ParquetReadOptions.Builder options = options().withRecordFilter(FilterCompat.get(FilterApi.eq(FilterApi.intColumn("series"), Integer.parseInt(series))));
		int read = 0, rows = 0;
		try (ParquetFileReader r = ParquetFileReader.open(new LocalInputFile(Path.of(file)), options.useColumnIndexFilter().build())) {
			PageReadStore group;
			while ((group = r.readNextFilteredRowGroup()) != null) {
				String[][] cell = cells(group, r.getFooter().getFileMetaData());
				read += cell[0].length;
				for (int i = 0; i < cell[0].length; i++)
					rows += cell[0][i].equals(series) && cell[9][i].equals("null") ? 1 : 0;
			}
		}
		out.println("{\"place\":" + place + ",\"series\":" + series + ",\"rows\":" + rows + ",\"read\":" + read + "}");
	}

	public static void main(String[] args) throws Exception {
		try (PrintWriter out = new PrintWriter(new BufferedWriter(new OutputStreamWriter(System.out)))) {
			for (int i = 0; i < args.length; i++)
				one(args[i], i, all(args[i], i, out), out);
		}
	}
}
