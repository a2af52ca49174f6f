public class Hello {
    public static void main(String[] arguments) {
        System.out.println(java.util.stream.IntStream.rangeClosed(1, 1000).parallel().mapToLong(n -> n * n).sum());
    }
}
