namespace TorchSharp;

public static partial class torch
{
    /// <summary>Saves one tensor in TorchSharp's own format.</summary>
    public static void save(Tensor t, string location) => t.save(location);

    /// <summary>Loads what <see cref="save"/> wrote.</summary>
    public static Tensor load(string location) => Tensor.load(location);

    /// <summary>TorchSharp's own file format: element type, number of dimensions and sizes as LEB128 numbers, then the raw elements.</summary>
    public partial class Tensor
    {
        public void save(string location)
        {
            using var writer = new BinaryWriter(File.Create(location));
            Save(writer);
        }

        public static Tensor load(string location)
        {
            using var reader = new BinaryReader(File.OpenRead(location));
            return Load(reader);
        }

        internal void Save(BinaryWriter writer)
        {
            writer.Write7BitEncodedInt64((long)dtype);
            writer.Write7BitEncodedInt64(ndim);
            foreach (long size in shape) writer.Write7BitEncodedInt64(size);
            writer.Flush();
            WriteBytesToStream(writer.BaseStream);
        }

        internal static Tensor Load(BinaryReader reader)
        {
            var type = (ScalarType)reader.Read7BitEncodedInt64();
            long dimensions = reader.Read7BitEncodedInt64();
            if (!Enum.IsDefined(type) || dimensions is < 0 or > 64) throw new InvalidDataException("not a tensor in TorchSharp's format");
            var size = new long[dimensions];
            for (int i = 0; i < size.Length; i++) size[i] = reader.Read7BitEncodedInt64();
            Tensor tensor = empty(size, type);
            tensor.ReadBytesFromStream(reader.BaseStream);
            return tensor;
        }
    }
}
