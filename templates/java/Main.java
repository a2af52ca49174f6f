import java.util.stream.IntStream;

public class Main {
    public static void main(String[] arguments) {
        int sum = IntStream.rangeClosed(1, 100).sum();
        System.out.println("hello from java " + Runtime.version().feature() + ": " + sum);
    }
}
